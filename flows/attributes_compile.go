package flows

import (
	"math"
	"time"

	"github.com/penstock/penstock/flows/internal/suggest"
	"github.com/penstock/penstock/flows/internal/yaml"
)

// readAttributes reads the attributes that do not depend on the runner.
func (c *compiler) readAttributes(s *step, attrs *Args) {
	if name := attrs.String("name"); attrs.Has("name") {
		c.name(s, name, attrs.places["name"])
	}
	s.cond = attrs.Expr("if")
	s.timeout = attrs.Duration("timeout")
	s.redact = attrs.Strings("redact")
	s.rerun = attrs.String("on_uncertain") == "rerun"
	s.afterResponse = attrs.Bool("after_response")
	c.afterResponse(s, attrs)
	if on := attrs.Object("on_error"); on != nil {
		switch {
		case on.Has("skip"):
			s.onError = skipItem
		case on.Has("continue"):
			s.onError = becomeItem
		case on.Steps("steps") != nil:
			s.onError, s.handler = handleItem, on.Steps("steps")
		}
	}
}

func (c *compiler) name(s *step, name string, at yaml.Place) {
	switch first, taken := c.names[name]; {
	case !stepName.MatchString(name):
		c.add(at, "letters, digits and _, a letter first", "%q cannot be the name of a step", name)
	case taken && first != at:
		c.add(at, "", "the name %q is taken by the step in line %d", name, first.Line)
	default:
		s.name, s.slot = name, len(c.slots)
		c.slots = append(c.slots, s)
	}
}

// resolveEffect determines the effect of the step and reads the attributes that depend on it.
func (c *compiler) resolveEffect(s *step, attrs *Args) {
	if word := attrs.String("effect"); word != "" {
		s.effect = map[string]Effect{"pure": Pure, "read": Read, "idempotent": Idempotent, "once": Once}[word]
	}
	if s.nestedRunner != nil || s.aggregates {
		for _, name := range []string{"retry", "effect", "on_uncertain"} {
			if at, given := attrs.places[name]; given {
				c.add(at, "put it on the steps that do the work", "%s has no meaning for a %s step", name, s.kind)
			}
		}
	}
	s.workers = 1
	if s.effect != Pure || s.nestedEffects {
		s.workers = effectWorkers
		s.recordsOutcomes = true
	}
	if s.handler != nil && s.handler.effects {
		s.nestedEffects = true
	}
	if attrs.Has("concurrency") {
		s.workers = attrs.Int("concurrency")
		if s.workers < 1 || s.workers > maxWorkers {
			c.add(attrs.places["concurrency"], "", "concurrency: expected 1 to %d", maxWorkers)
		}
		if s.aggregates {
			c.add(attrs.places["concurrency"], "", "concurrency has no meaning for a %s step", s.kind)
		}
	}
	s.retry = c.retry(attrs.Object("retry"), s.effect)
}

// retry reads the retry attribute. Without one a step has a single try.
func (c *compiler) retry(a *Args, effect Effect) retry {
	r := retry{attempts: 1}
	if a == nil {
		return r
	}
	r.attempts, r.backoff, r.factor, r.jitter = a.Int("attempts"), a.Duration("backoff"), 2, true
	if a.Has("attempts") && (r.attempts < 1 || r.attempts > 20) {
		c.add(a.places["attempts"], "", "attempts: expected 1 to 20")
	}
	if !a.Has("backoff") {
		r.backoff = 200 * time.Millisecond
	}
	if a.Has("factor") {
		r.factor = a.Int("factor")
		if r.factor < 1 || r.factor > 10 {
			c.add(a.places["factor"], "", "factor: expected 1 to 10")
		}
	}
	if a.Has("jitter") {
		r.jitter = a.Bool("jitter")
	}
	c.retryOn(&r, a, effect)
	return r
}

// retryOn reads the failures to retry on.
func (c *compiler) retryOn(r *retry, a *Args, effect Effect) {
	words := a.Strings("on")
	if !a.Has("on") {
		words = []string{"timeout", "network", "429", "5xx"}
		if effect == Once {
			words = []string{"429", "503"} // the other side says that it did nothing
		}
	}
	for _, word := range words {
		switch Class(word) {
		case ClassTimeout:
			r.timeout = true
		case ClassNetwork:
			r.network = true
		default:
			if err := r.statuses.add(word); err != nil {
				c.add(a.places["on"], suggest.DidYouMean(word, []string{"timeout", "network"}), "on: %v", err)
			}
		}
	}
}

// pause returns the pause before a try; the second try is number 2. random is between 0 and 1.
func (r *retry) pause(attempt int, random float64) time.Duration {
	pause := float64(r.backoff) * math.Pow(float64(r.factor), float64(attempt-2))
	if r.jitter {
		pause *= 1 - random/2
	}
	return time.Duration(min(pause, float64(maxPause)))
}

// maxPause is the longest pause between two tries.
const maxPause = 5 * time.Minute

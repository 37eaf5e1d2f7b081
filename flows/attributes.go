package flows

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/suggest"
)

// StepParams returns the parameters of every step, besides those of its kind, for their reference.
func StepParams() []Param { return slices.Clone(attributes) }

// attributes are the parameters of every step, besides those of its kind.
var attributes = []Param{
	{Name: "name", Type: TypeString, Summary: "Names the step: later programs read its results as `$steps.NAME`. Unique in the flow."},
	{Name: "if", Type: TypeExpr, Condition: true, Summary: "The step processes the items for which this is true; others pass unchanged."},
	{Name: "as", Type: TypeString, Summary: "Keeps the item, an object or null: each result of the step is the item with the result as its member of this name. An error of `on_error: continue` is its member `error`. Steps with nested steps, such as `parallel` and `repeat`, those that take all items at once, and `fail` do not have it.", Default: "the results replace the item"},
	{Name: "timeout", Type: TypeDuration, Summary: "How long one attempt on one item may take.", Default: "the rest of the run's limit"},
	{Name: "retry", Type: TypeObject, Summary: "Tries again when an item fails; a number is short for `attempts`.", Fields: retryParams},
	{Name: "on_error", Type: TypeObject, Short: true, Default: "fail", Summary: "What happens to an item on which the step failed.", Fields: []Param{
		{Name: "fail", Type: TypeObject, OneOf: "way", Summary: "The run fails."},
		{Name: "skip", Type: TypeObject, OneOf: "way", Summary: "The item is dropped."},
		{Name: "continue", Type: TypeObject, OneOf: "way", Summary: "The error becomes the item: `{error: {code, message, step, status, sqlstate}}`."},
		{Name: "steps", Type: TypeSteps, OneOf: "way", Summary: "The error passes through these steps; the items that they return continue."},
	}},
	{Name: "concurrency", Type: TypeInt, Summary: "Items at once, 1 to 64. Results keep the order of the items.", Default: "8 for steps with effects, else 1"},
	{Name: "effect", Type: TypeEnum, Enum: []string{"pure", "read", "idempotent", "once"}, Summary: "The effect of executing the step, when the kind cannot know it.", Default: "by kind"},
	{Name: "on_uncertain", Type: TypeEnum, Enum: []string{"fail", "rerun"}, Default: "fail", Summary: "What to do after a worker was lost during a `once` step: fail the run, or repeat the step."},
	{Name: "redact", Type: TypeStrings, Summary: "Fields whose values are masked, at any depth, in all records of the step: its items before and after, what it logs, and its requests that failed. An item that is itself a text or number has no field name; a step with `redact` masks it, too. Errors of such a step do not quote what the other side answered."},
	{Name: "after_response", Type: TypeBool, Summary: "The step runs after the caller has its response.", Default: "false"},
}

var retryParams = []Param{
	{Name: "attempts", Type: TypeInt, Inline: true, Required: true, Summary: "Maximum of attempts, including the first, 1 to 20."},
	{Name: "backoff", Type: TypeDuration, Default: "200ms", Summary: "Pause before the second attempt."},
	{Name: "factor", Type: TypeInt, Default: "2", Summary: "Factor by which each further pause is longer, 1 to 10."},
	{Name: "jitter", Type: TypeBool, Default: "true", Summary: "Shortens each pause by up to half, at random."},
	{Name: "on", Type: TypeStrings, Summary: "Failures to retry: `timeout`, `network`, `deadlock` (a database rolled back because of concurrent transactions), a status or a class of statuses.", Default: "timeout, network, deadlock, 429, 5xx; only deadlock, 429, 503 and 529 for a `once` step"},
	{Name: "if", Type: TypeExpr, Condition: true, Summary: "Condition over what the step put out without a failure: when it is true for one of the items, the step is tried again. After the last attempt that is a failure. For an answer with an error status name it in `expect`."},
}

// readAttributes reads the attributes that do not depend on the runner.
func (c *compiler) readAttributes(s *step, attrs *Args) {
	if name := attrs.String("name"); attrs.Has("name") {
		c.name(s, name, attrs.places["name"])
	}
	s.cond = attrs.Expr("if")
	s.as = attrs.String("as")
	s.timeout = attrs.Duration("timeout")
	s.redact = attrs.Strings("redact")
	c.flow.redacts = append(c.flow.redacts, s.redact...)
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
		c.Add(mistake.BadName, at, "letters, digits and _, a letter first", "%q cannot be the name of a step", name)
	case taken && first != at:
		c.Add(mistake.DuplicateName, at, "", "the name %q is taken by the step in line %d", name, first.Line)
	default:
		s.name, s.slot = name, len(c.slots)
		c.slots = append(c.slots, s)
	}
}

// resolveEffect determines the effect of the step and reads the attributes that depend on it.
func (c *compiler) resolveEffect(s *step, attrs *Args) {
	if word := attrs.String("effect"); word != "" {
		s.effect = effectWords[word]
	}
	if s.nestedRunner != nil || s.aggregates {
		for _, name := range []string{"retry", "effect", "on_uncertain"} {
			if at, given := attrs.places[name]; given {
				c.Add(mistake.MeaninglessKey, at, "put it on the steps that do the work", "%s has no meaning for a %s step", name, s.kind)
			}
		}
	}
	if at, given := attrs.places["as"]; given && (s.nestedRunner != nil || s.aggregates || s.terminal) {
		c.Add(mistake.MeaninglessKey, at, "", "as has no meaning for a %s step", s.kind)
	}
	if own := attrs.Object("retry"); s.inParts && own != nil && own.Has("if") {
		c.Add(mistake.MeaninglessKey, own.places["if"], "", "retry.if has no meaning for a %s step, whose parts are tried again", s.kind)
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
			c.Add(mistake.OutOfRange, attrs.places["concurrency"], "", "concurrency: expected 1 to %d", maxWorkers)
		}
		if s.aggregates {
			c.Add(mistake.MeaninglessKey, attrs.places["concurrency"], "", "concurrency has no meaning for a %s step", s.kind)
		}
	}
	own := attrs.Object("retry")
	if s.uses == nil || s.uses.retry == nil {
		s.retry = c.retry(own, s.effect)
		return
	}
	s.retry = c.retry(cmp.Or(own, s.uses.retry), s.effect)
	if own == nil || !own.Has("if") { // what the operation says of an answer holds with another number of attempts, too
		s.retry.condition, s.retry.ofOperation = s.uses.retry.Expr("if"), true
	}
}

// effectWords are the effects as a file names them. Read only.
var effectWords = map[string]Effect{"pure": Pure, "read": Read, "idempotent": Idempotent, "once": Once}

// retry reads the retry attribute. Without one a step has a single try.
func (c *compiler) retry(a *Args, effect Effect) retry {
	r := retry{attempts: 1}
	if a == nil {
		return r
	}
	r.attempts, r.backoff, r.factor, r.jitter = a.Int("attempts"), a.Duration("backoff"), 2, true
	r.max = maxPause
	if a.Has("attempts") && (r.attempts < 1 || r.attempts > 20) {
		c.Add(mistake.OutOfRange, a.places["attempts"], "", "attempts: expected 1 to 20")
	}
	if !a.Has("backoff") {
		r.backoff = 200 * time.Millisecond
	}
	if a.Has("factor") {
		r.factor = a.Int("factor")
		if r.factor < 1 || r.factor > 10 {
			c.Add(mistake.OutOfRange, a.places["factor"], "", "factor: expected 1 to 10")
		}
	}
	if a.Has("jitter") {
		r.jitter = a.Bool("jitter")
	}
	r.condition = a.Expr("if")
	c.retryOn(&r, a, effect)
	return r
}

// retryOn reads the failures to retry on.
func (c *compiler) retryOn(r *retry, a *Args, effect Effect) {
	words := a.Strings("on")
	if !a.Has("on") {
		words = retryWords(effect)
	}
	for _, word := range words {
		if err := r.add(word); err != nil {
			c.Add(mistake.Of(err, mistake.BadValue), a.places["on"], suggest.DidYouMean(word, classWords()), "on: %v", err)
		}
	}
}

// retryWords are the failures of a step that are retried when on does not name others.
func retryWords(effect Effect) []string {
	if effect == Once {
		return []string{"deadlock", "429", "503", "529"} // the other side says that it did nothing
	}
	return append(classWords(), "429", "5xx")
}

// classWords are the words of on for classes of failures.
func classWords() []string {
	return []string{string(ClassTimeout), string(ClassNetwork), string(ClassDeadlock)}
}

// add adds a word of on: a class of failures, a status, or a class of statuses.
func (r *retry) add(word string) error {
	if slices.Contains(classWords(), word) {
		r.classes = append(r.classes, Class(word))
		return nil
	}
	return r.statuses.add(word)
}

// pause returns the pause before a try; the second try is number 2. random is between 0 and 1.
func (r *retry) pause(attempt int, random float64) time.Duration {
	pause := float64(r.backoff) * math.Pow(float64(r.factor), float64(attempt-2))
	if r.jitter {
		pause *= 1 - random/2
	}
	return time.Duration(min(pause, float64(r.max)))
}

// maxPause is the longest pause between two tries of a step.
const maxPause = 5 * time.Minute

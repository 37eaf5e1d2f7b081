package flows

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/suggest"
)

// Retry is run.retry: how often, when, and after which failures a run is tried again.
type Retry struct {
	Attempts int // maximum of tries, including the first

	steps retry  // failures of steps, and the pauses
	once  retry  // failures of steps with the effect once
	codes []Code // failures by their code, whatever the step
}

const (
	runBackoff  = 10 * time.Second
	maxRunPause = 24 * time.Hour
)

var runRetryParams = []Param{
	{Name: "attempts", Type: TypeInt, Inline: true, Required: true, Summary: "Maximum of tries, including the first, 1 to 20."},
	{Name: "backoff", Type: TypeDuration, Default: "10s", Summary: "Pause before the second try. Each further pause is twice as long; each is shortened by up to half, at random."},
	{Name: "max", Type: TypeDuration, Default: "5m", Summary: "The longest pause, at most 24h. One that the other side asks for (`Retry-After`) may be longer."},
	{Name: "on", Type: TypeStrings, Summary: "Failures to retry: `timeout` of a step, `network`, `deadlock`, a status or a class of statuses, the code of a `fail` step, `step_failed`, `busy`, `limit` or `internal`.", Default: "timeout, network, deadlock, 429, 5xx; only deadlock, 429, 503 and 529 for a `once` step"},
}

// retriedCodes are the codes of the engine that run.retry may name. What the others say does not change by waiting.
func retriedCodes() []string {
	return []string{string(CodeStepFailed), string(CodeFail), string(CodeBusy), string(CodeLimit), string(CodeInternal)}
}

// runRetry reads run.retry; nil without it.
func (c *compiler) runRetry(a *Args) *Retry {
	if a == nil {
		return nil
	}
	r := &Retry{Attempts: a.Int("attempts"), steps: retry{backoff: runBackoff, factor: 2, jitter: true, max: maxPause}}
	if a.Has("attempts") && (r.Attempts < 1 || r.Attempts > 20) {
		c.Add(mistake.OutOfRange, a.places["attempts"], "", "attempts: expected 1 to 20")
	}
	if a.Has("backoff") {
		r.steps.backoff = a.Duration("backoff")
	}
	if a.Has("max") {
		r.steps.max = a.Duration("max")
	}
	switch {
	case r.steps.max > maxRunPause:
		c.Add(mistake.OutOfRange, a.places["max"], "", "max: expected at most 24h")
	case r.steps.backoff > r.steps.max:
		c.Add(mistake.OutOfRange, a.places["backoff"], "give max, too", "backoff: the first pause is longer than max, the longest one (%v)", r.steps.max)
	}
	if s := c.flow.Schedule; s != nil && s.Poll {
		c.Add(mistake.MeaninglessKey, a.place, "use retry at the steps", "retry: a run of a poll is not tried again: the next one asks again for what this one did not get")
	}
	r.once = r.steps
	if !a.Has("on") {
		for _, word := range retryWords(Idempotent) {
			_ = r.steps.add(word) // the words are right
		}
		for _, word := range retryWords(Once) {
			_ = r.once.add(word)
		}
		return r
	}
	for _, word := range a.Strings("on") {
		c.runRetryOn(r, word, a)
	}
	r.once = r.steps
	return r
}

// runRetryOn reads a word of on.
func (c *compiler) runRetryOn(r *Retry, word string, a *Args) {
	known := append(retriedCodes(), classWords()...)
	near := func(k string) bool { return suggest.Distance(word, k) <= 2 }
	switch {
	case word == "":
		c.Add(mistake.WrongType, a.places["on"], suggest.OneOf(known), "on: expected a word")
	case slices.Contains(retriedCodes(), word):
		r.codes = append(r.codes, Code(word))
	case slices.Contains(classWords(), word), word[0] >= '0' && word[0] <= '9':
		if err := r.steps.add(word); err != nil {
			c.Add(mistake.Of(err, mistake.BadValue), a.places["on"], "", "on: %v", err)
		}
	case Reserved(Code(word)):
		c.Add(mistake.UnknownValue, a.places["on"], "", "on: a run that failed with %s is not tried again", word)
	case slices.ContainsFunc(known, near):
		c.Add(mistake.UnknownValue, a.places["on"], suggest.DidYouMean(word, known), "on: %q is no failure", word)
	default:
		r.codes = append(r.codes, Code(word))
	}
}

// RetryPause returns the pause before the next try of a run of the flow that failed, after a number of tries; false: it is
// not tried again. It does not know of the run's deadline, and whether an effect is uncertain.
func (f *Flow) RetryPause(failed *Error, tries int) (time.Duration, bool) {
	r := f.Retry
	if r == nil || tries >= r.Attempts {
		return 0, false
	}
	by := &r.steps
	if i := slices.IndexFunc(f.allSteps, func(s *step) bool { return s.path == failed.Step }); i < 0 || f.allSteps[i].effect == Once {
		by = &r.once // a step of a called flow may be one
	}
	if !slices.Contains(r.codes, failed.Code) && !by.matches(failed) {
		return 0, false
	}
	return max(r.steps.pause(tries+1, rand.Float64()), min(failed.RetryAfter, maxRunPause)), true
}

package flows

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/internal/phrase"
	"github.com/penstock/penstock/internal/sleep"
)

// journaled executes the step for one item, or returns the journal's result of an earlier attempt.
func (p *stepRun) journaled(ctx context.Context, in *Input) ([]any, error) {
	if p.x.rehearsal != nil && p.step.reaches {
		return p.x.rehearsal.execute(ctx, p, in)
	}
	journal := p.x.env.Journal
	if journal == nil || p.step.effect == Pure || p.step.effect == Durable {
		return p.tries(ctx, in)
	}
	key := in.Key()
	if err := p.readAgain(ctx, in, key); err != nil {
		return nil, err
	}
	known, err := journal.Start(ctx, key, p.step.wholeEffect())
	switch {
	case err != nil:
		return nil, journalError(ctx, err)
	case known.Result != nil:
		p.countReplay(in)
		results, failed := p.replay(in.Charger(ctx), known.Result)
		p.noteReplayed(ctx, in, results, failed)
		return results, failed
	case known.Started && p.step.wholeEffect() == Once && !p.step.rerun:
		return nil, &Error{Code: CodeUncertain,
			Message: "an earlier attempt began this and left no result: it may or may not have happened"}
	}
	in.begun = known.Started
	outer := ctx
	if p.step.wholeEffect() == Once {
		var stop context.CancelFunc
		ctx, stop = untilDone(ctx)
		defer stop()
	}
	results, failed := p.tries(ctx, in)
	if failed != nil && (ctx.Err() != nil || runEnds(outer) || asParked(failed) != nil) {
		return nil, failed // the outcome is unknown, or the effect has not happened yet
	}
	// The result is recorded even when the run ends now.
	kept, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(recordTime, cancel) })()
	result, err := p.record(in.Charger(kept), results, failed, in.index)
	if err != nil {
		return nil, err
	}
	if err := journal.Finish(kept, key, result); err != nil {
		return nil, journalError(ctx, err)
	}
	return results, failed
}

// readAgain sets what makes the key of the effect another one than in the run that this one continues.
func (p *stepRun) readAgain(ctx context.Context, in *Input, key string) error {
	if in.again = ""; p.x.run.Origin == "" {
		return nil
	}
	known, err := p.x.env.Journal.Start(ctx, key+"."+againName, Idempotent)
	if err != nil {
		return journalError(ctx, err)
	}
	if text := ""; known.Result != nil && json.Unmarshal(known.Result, &text) == nil {
		in.again = "." + text
	}
	return nil
}

// errOtherItemFailed is the cause of a context that ended because another item of a step failed.
var errOtherItemFailed = errors.New("another item of the step failed")

// runEnds reports whether ctx has ended for another reason than that another item failed.
func runEnds(ctx context.Context) bool {
	return ctx.Err() != nil && context.Cause(ctx) != errOtherItemFailed
}

// untilDone returns a context that ends like ctx, except when another item fails: an interruption of an effect that must
// not happen twice would leave its outcome unknown.
func untilDone(ctx context.Context) (context.Context, context.CancelFunc) {
	kept, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if runEnds(ctx) {
			cancel(context.Cause(ctx))
		}
	})
	limited, done := kept, context.CancelFunc(func() {})
	if deadline, ok := ctx.Deadline(); ok {
		limited, done = context.WithDeadline(kept, deadline)
	}
	return limited, func() { stop(); done(); cancel(nil) }
}

// recordTime is how long recording an effect may take after the run has ended. Before that it may take as long as the
// run, because the store may be unavailable for a while.
const recordTime = 5 * time.Second

func journalError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Code: CodeInternal, Message: "the effect could not be recorded", Err: err}
}

// record encodes the result of an effect for the journal: its items, or the failure, which on_error may have to
// handle again.
func (p *stepRun) record(charger *budget.Charger, results []any, failed error, index int) ([]byte, error) {
	if failed == nil {
		if results == nil {
			results = []any{}
		}
		return EncodeJSONOn(charger, map[string]any{"items": results, "of": len(p.items)})
	}
	e := p.step.fail(failed, index)
	return json.Marshal(map[string]recordedFailure{"failed": {
		Code: e.Code, Message: e.Message, Status: e.Status, SQLState: e.SQLState, Upstream: e.Upstream, Class: e.Class, Handled: p.step.onError != failRun && e.catchable(),
		Ambiguous: p.step.wholeEffect() == Once && !p.step.rerun && e.ambiguous(),
	}})
}

// replay decodes what record has encoded. A result is that of an item by its index, so the step must have as many items as
// then.
func (p *stepRun) replay(charger *budget.Charger, result []byte) ([]any, error) {
	items, of, err := decodeResult(charger, result)
	if err == nil && of >= 0 && of != len(p.items) {
		return nil, &Error{Code: CodeUncertain, Message: fmt.Sprintf(
			"the step has %d items, and had %d when its results were recorded: which result is that of which item is not known", len(p.items), of)}
	}
	return items, err
}

// decodeResult decodes what record has encoded. of is the number of items that the step had; -1: unknown.
func decodeResult(charger *budget.Charger, result []byte) (items []any, of int, err error) {
	if failed := failureOf(result); failed != nil {
		return nil, -1, &Error{Code: failed.Code, Message: failed.Message, Status: failed.Status, SQLState: failed.SQLState, Upstream: failed.Upstream, Class: failed.Class}
	}
	v, err := DecodeJSONOn(charger, result)
	if err != nil {
		return nil, -1, &Error{Code: CodeInternal, Message: "a recorded effect cannot be read", Err: err}
	}
	object, _ := v.(map[string]any)
	items, ok := object["items"].([]any)
	if !ok {
		return nil, -1, &Error{Code: CodeInternal, Message: "a recorded effect cannot be read"}
	}
	of = -1
	if said, given := object["of"]; given {
		of = asInt(said)
	}
	return items, of, nil
}

// wholeEffect is what the journal knows of the work on an item as a whole: that of a step in parts goes on in the next attempt.
func (s *step) wholeEffect() Effect {
	if s.inParts {
		return Idempotent
	}
	return s.effect
}

// tries executes the step with its retry; each part of a step in parts has that by itself.
func (p *stepRun) tries(ctx context.Context, in *Input) ([]any, error) {
	if !p.step.inParts || p.x.mocks != nil {
		return p.withRetry(ctx, in)
	}
	ctx, _ = mask.With(ctx)
	p.countAttempt(in)
	return p.attempt(ctx, in)
}

// withRetry executes the step until it succeeds or the retry attribute allows no further try.
func (p *stepRun) withRetry(ctx context.Context, in *Input) ([]any, error) {
	r := &p.step.retry
	start := checkpoint{uuids: in.uuids.Load()}
	in.checkpoint = start
	ctx, _ = mask.With(ctx) // for all tries: a checkpoint may contain a secret that a further try does not read again
	rejected := 0           // results for which the condition of retry was true
	for n := 1; ; n++ {
		in.uuids.Store(in.checkpoint.uuids) // a further try has the same UUIDs
		p.countAttempt(in)
		in.advanced = false
		results, err := p.attempt(ctx, in)
		if in.advanced {
			n = 1 + rejected
		}
		if err == nil && r.condition != nil {
			if err = p.rejects(ctx, in, results); err != nil {
				in.checkpoint = start
				rejected++
			}
		}
		if err == nil || n >= r.attempts || ctx.Err() != nil || asParked(err) != nil {
			return results, err
		}
		e := p.step.fail(err, in.index)
		if !r.matches(e) && !errors.Is(err, errRejected) {
			return nil, err
		}
		pause := r.pause(n+1, rand.Float64())
		if !p.wait(ctx, max(pause, e.RetryAfter)) {
			if ctx.Err() == nil && e.RetryAfter > pause {
				err = tooLongPause(err)
			}
			return nil, err
		}
	}
}

// tooLongPause adds to the failure of a step why there is no further try. The pause is not named, so that runs that fail alike have the
// same message.
func tooLongPause(err error) error {
	failed, ok := err.(*Error)
	if !ok {
		return err
	}
	said := *failed
	said.Message += "; it is not tried again, because the pause that Retry-After asks for is longer than the time that is left"
	return &said
}

// errRejected is wrapped by the failure of a step for whose results the condition of retry is true.
var errRejected = errors.New("retry.if is true")

// rejects returns a failure when the condition of retry is true for one of the results.
func (p *stepRun) rejects(ctx context.Context, in *Input, results []any) error {
	condition := p.step.retry.condition
	if p.step.retry.ofOperation { // it does not know the item of the step
		if p.answeredByExample() {
			return nil
		}
		called, err := p.step.runner.(*operationUse).called(ctx, in)
		if err != nil {
			return err
		}
		in = called
	}
	for _, result := range results {
		if !p.step.retry.ofOperation {
			result = p.output(in, result)
		}
		yes, err := condition.True(ctx, in.With(result))
		if err != nil {
			return refusal(err, result)
		}
		if yes {
			return &Error{Code: CodeStepFailed, Message: "retry.if is true: " + phrase.Shorten(condition.String(), 60), Err: errRejected}
		}
	}
	return nil
}

// answeredByExample reports whether a test's response is the example of the operation, which does not know what was asked.
func (p *stepRun) answeredByExample() bool {
	if p.x.mocks == nil {
		return false
	}
	v, _ := p.step.mock(p.x.mocks)
	canned, is := v.(*cannedResponses)
	return is && canned.example
}

// refusal returns the failure of a step whose condition of retry says with error("…") that the other side has refused, in result,
// what the step asked of it. Other errors are returned as they are.
func refusal(err error, result any) error {
	var raised interface{ Value() any } // gojq's error of the function error
	if !errors.As(err, &raised) {
		return err
	}
	message, ok := raised.Value().(string)
	if !ok {
		return err
	}
	answer, _ := result.(map[string]any)
	return &Error{Code: CodeStepFailed, Message: phrase.Shorten(message, 300), Upstream: asInt(answer["status"]), Err: err}
}

// wait pauses between two tries. It returns false at once when the deadline would come first. In tests it returns at
// once.
func (p *stepRun) wait(ctx context.Context, pause time.Duration) bool {
	if p.x.simulated() {
		return true
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return false
	}
	return sleep.For(ctx, pause) == nil
}

// attempt executes the step once, within its timeout. A panic of the runner fails the run, not the worker.
func (p *stepRun) attempt(ctx context.Context, in *Input) (results []any, err error) {
	ctx, stop := p.withTimeout(ctx)
	defer stop()
	if p.x.mocks != nil {
		if results, ok, err := p.mockResult(ctx, in); ok {
			if p.x.observed != nil {
				if err := p.x.observed.request(ctx, p, in); err != nil {
					return nil, err
				}
			}
			return results, err
		}
	}
	in.saved = nil
	defer recoverPanic(&err)
	results, err = p.step.runner.Run(ctx, in)
	if err != nil && !in.advanced && asParked(err) == nil { // else what it keeps may name them
		in.dropFiles(ctx)
	}
	secrets := mask.Of(ctx)
	return secrets.Values(results), p.timeoutError(ctx, maskError(secrets, err))
}

// recoverPanic turns a panic into a failure of the step.
func recoverPanic(err *error) {
	if trouble := recover(); trouble != nil {
		*err = &Error{Code: CodeInternal, Message: "the step broke down",
			Err: fmt.Errorf("panic: %v\n%s", trouble, debug.Stack())}
	}
}

// errStepTimeout is the cause of a context that ended at the step's timeout.
var errStepTimeout = errors.New("the step's timeout")

func (p *stepRun) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if p.step.timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, p.step.timeout, errStepTimeout)
}

// timeoutError distinguishes the step's own timeout from the end of the run.
func (p *stepRun) timeoutError(ctx context.Context, err error) error {
	if err == nil || context.Cause(ctx) != errStepTimeout || asParked(err) != nil {
		return err
	}
	return &Error{Code: CodeStepFailed, Class: ClassTimeout, Err: err,
		Message: fmt.Sprintf("took longer than its timeout of %v", p.step.timeout)}
}

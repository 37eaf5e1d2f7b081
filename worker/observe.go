package worker

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// Observer follows the attempts that a worker makes, to measure or to trace
// them. Its methods are called by many goroutines and must not block.
type Observer interface {
	// Begin is told of an attempt that begins, and returns the context for it
	// to execute under.
	Begin(ctx context.Context, a *queue.Attempt) (context.Context, Observation)
}

// Observation follows one attempt.
type Observation interface {
	// Step is told of a step that begins. It returns the context for the step
	// to execute under, and what is to be called when the step has ended.
	Step(ctx context.Context, b flows.Begun) (context.Context, func(flows.Ended))
	// End is told how the attempt ended, and why its context did if that was
	// the reason.
	End(o queue.Outcome, cause error)
}

// observedRecord is the tracer of a run that is also followed by observations.
type observedRecord struct {
	*record
	observations []Observation
}

// observe begins to follow an attempt. Without observers it costs nothing.
func (r *runner) observe(ctx context.Context, a *queue.Attempt, steps *record) (context.Context, flows.Tracer, func(queue.Outcome)) {
	if len(r.cfg.Observers) == 0 {
		return ctx, steps, func(queue.Outcome) {}
	}
	trace := observedRecord{record: steps, observations: make([]Observation, len(r.cfg.Observers))}
	for i, o := range r.cfg.Observers {
		ctx, trace.observations[i] = o.Begin(ctx, a)
	}
	return ctx, trace, func(o queue.Outcome) {
		for _, by := range trace.observations {
			by.End(o, context.Cause(ctx))
		}
	}
}

// Span implements flows.Spanner.
func (o observedRecord) Span(ctx context.Context, b flows.Begun) (context.Context, func(flows.Ended)) {
	o.Begin(b)
	ends := make([]func(flows.Ended), len(o.observations))
	for i, by := range o.observations {
		ctx, ends[i] = by.Step(ctx, b)
	}
	return ctx, func(e flows.Ended) {
		o.End(e)
		for _, end := range ends {
			end(e)
		}
	}
}

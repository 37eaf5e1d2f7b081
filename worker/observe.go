package worker

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// Observer observes the attempts of a worker, for metrics or traces. Its methods are called concurrently and must not
// block.
type Observer interface {
	// Begin is called at the start of an attempt. It returns the context for the attempt.
	Begin(ctx context.Context, a *queue.Attempt) (context.Context, Observation)
}

// Observation observes one attempt.
type Observation interface {
	// Step is called at the start of a step. It returns the context for the step, and a function to call at its end.
	Step(ctx context.Context, b flows.StepStart) (context.Context, func(flows.StepEnd))
	// End is called at the end of the attempt. cause is the cause of the end of its context, if that was the reason.
	End(o queue.Outcome, cause error)
}

// observedRecord is the tracer of a run with observers.
type observedRecord struct {
	*record
	observations []Observation
}

// observe starts the observation of an attempt. It costs nothing without observers.
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
func (o observedRecord) Span(ctx context.Context, b flows.StepStart) (context.Context, func(flows.StepEnd)) {
	o.Begin(b)
	ends := make([]func(flows.StepEnd), len(o.observations))
	for i, by := range o.observations {
		ctx, ends[i] = by.Step(ctx, b)
	}
	return ctx, func(e flows.StepEnd) {
		o.End(e)
		for _, end := range ends {
			end(e)
		}
	}
}

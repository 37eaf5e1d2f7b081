package telemetry

import (
	"context"
	"errors"
	"strconv"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// Begin starts the span of an attempt, which continues the trace of the task.
func (t *Tracing) Begin(ctx context.Context, a *queue.Attempt) (context.Context, Observation) {
	ctx = t.propagator.Extract(ctx, propagation.MapCarrier(a.Trace))
	ctx, span := t.tracer.Start(ctx, "run flow "+strconv.FormatInt(a.Flow, 10), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		keyRun.String(a.ID), keyFlow.Int64(a.Flow), keyVersion.String(a.Version), keyQueue.String(a.Queue), keyAttempt.Int(a.Number),
	))
	return ctx, runSpan{t, span}
}

// runSpan is the span of an attempt.
type runSpan struct {
	t    *Tracing
	span trace.Span
}

// Step implements Observation.
func (r runSpan) Step(ctx context.Context, b flows.StepStart) (context.Context, func(flows.StepEnd)) {
	ctx, span := r.t.tracer.Start(ctx, b.Step, trace.WithTimestamp(b.At), trace.WithAttributes(
		keyStep.String(b.Step), keyKind.String(b.Kind), keyIn.Int(b.In),
	))
	return ctx, func(e flows.StepEnd) {
		span.SetAttributes(keyOut.Int(e.Out), keyAttempts.Int(e.Attempts))
		if e.Replayed > 0 {
			span.SetAttributes(keyReplayed.Int(e.Replayed))
		}
		if e.Err != nil {
			span.SetStatus(codes.Error, codeOf(e.Err))
		}
		span.End(trace.WithTimestamp(e.At))
	}
}

// End implements Observation.
func (r runSpan) End(o queue.Outcome, cause error) {
	r.span.SetAttributes(keyOutcome.String(outcome(o, cause)))
	if o.Error != nil {
		r.span.SetStatus(codes.Error, string(o.Error.Code))
		if o.Error.Step != "" {
			r.span.SetAttributes(keyStep.String(o.Error.Step))
		}
	}
	r.span.End()
}

// codeOf returns the code of an error, because its message may contain any data.
func codeOf(err error) string {
	var known *flows.Error
	if errors.As(err, &known) {
		return string(known.Code)
	}
	return "unknown"
}

package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// runMetrics are a worker's metrics of its runs.
type runMetrics struct {
	flows     *flowLabels
	executing *prometheus.GaugeVec
	pickup    *prometheus.HistogramVec
	duration  *prometheus.HistogramVec
	restarts  *prometheus.CounterVec
	steps     *prometheus.HistogramVec
	failures  *prometheus.CounterVec
	retries   *prometheus.CounterVec
	replays   *prometheus.CounterVec
}

func newRunMetrics(m *Metrics) runMetrics {
	return runMetrics{
		flows:     newFlowLabels(maxFlows),
		executing: m.gauge("penstock_worker_flow_runs", "Runs of a flow that this process is executing.", "flow"),
		pickup: m.histogram("penstock_run_pickup_seconds",
			"Time from the acceptance of a run to the start of its first attempt.", runBounds, "queue"),
		duration: m.histogram("penstock_run_duration_seconds",
			"Duration of attempts, by outcome: succeeded, failed, cancelled, timed_out, waiting (parked), lost (to another worker) or handed_back (by a stopping worker).",
			runBounds, "flow", "outcome"),
		restarts: m.counter("penstock_run_restarts_total", "Attempts of runs after the first attempt.", "flow"),
		steps:    m.histogram("penstock_step_duration_seconds", "Duration of a step for all its items.", stepBounds, "flow", "kind"),
		failures: m.counter("penstock_step_failures_total", "Steps that failed.", "flow", "kind"),
		retries:  m.counter("penstock_step_retries_total", "Attempts of steps for an item after the first attempt.", "flow", "kind"),
		replays:  m.counter("penstock_step_replays_total", "Effects whose results came from the journal instead of another execution.", "flow", "kind"),
	}
}

// Observation receives the steps and the end of one attempt. It is the same interface as worker.Observation, which this
// package does not import.
type Observation interface {
	// Step is called at the start of a step; the returned function is called at its end.
	Step(ctx context.Context, b flows.StepStart) (context.Context, func(flows.StepEnd))
	// End is called once. cause is the reason for which the attempt was stopped; nil: it was not stopped.
	End(o queue.Outcome, cause error)
}

// Begin starts to measure an attempt.
func (m *Metrics) Begin(ctx context.Context, a *queue.Attempt) (context.Context, Observation) {
	o := &attempt{m: m, ctx: ctx, flow: m.runs.flows.label(a.Flow), queue: a.Queue, begun: time.Now()}
	if a.Number == 1 {
		observe(ctx, m.runs.pickup.WithLabelValues(a.Queue), a.Times.Started.Sub(a.Times.Accepted))
	} else {
		m.runs.restarts.WithLabelValues(o.flow).Inc()
	}
	m.worker.running.WithLabelValues(a.Queue).Inc()
	m.runs.executing.WithLabelValues(o.flow).Inc()
	return ctx, o
}

// attempt measures one attempt.
type attempt struct {
	m     *Metrics
	ctx   context.Context // for its trace
	flow  string
	queue string
	begun time.Time
}

// Step implements Observation.
func (o *attempt) Step(ctx context.Context, _ flows.StepStart) (context.Context, func(flows.StepEnd)) {
	return ctx, o.stepEnded
}

func (o *attempt) stepEnded(e flows.StepEnd) {
	r := &o.m.runs
	r.steps.WithLabelValues(o.flow, e.Kind).Observe(e.Duration.Seconds())
	if e.Err != nil {
		r.failures.WithLabelValues(o.flow, e.Kind).Inc()
	}
	if again := e.Attempts + e.Replayed - e.In; again > 0 {
		r.retries.WithLabelValues(o.flow, e.Kind).Add(float64(again))
	}
	if e.Replayed > 0 {
		r.replays.WithLabelValues(o.flow, e.Kind).Add(float64(e.Replayed))
	}
}

// End implements Observation.
func (o *attempt) End(end queue.Outcome, cause error) {
	o.m.worker.running.WithLabelValues(o.queue).Dec()
	o.m.runs.executing.WithLabelValues(o.flow).Dec()
	observe(o.ctx, o.m.runs.duration.WithLabelValues(o.flow, outcome(end, cause)), time.Since(o.begun))
}

// outcome names the end of an attempt. The outcome of a worker that has lost its run, or is stopping, is not that of
// the run.
func outcome(o queue.Outcome, cause error) string {
	switch {
	case errors.Is(cause, queue.ErrLost):
		return "lost"
	case errors.Is(cause, queue.ErrDraining) && o.State != queue.Succeeded:
		return "handed_back"
	}
	return string(o.State)
}

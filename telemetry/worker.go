package telemetry

import "github.com/prometheus/client_golang/prometheus"

// workerMetrics are the metrics of a worker.
type workerMetrics struct {
	slots    *prometheus.GaugeVec
	running  *prometheus.GaugeVec
	parked   *prometheus.CounterVec
	lost     *prometheus.CounterVec
	repaired *prometheus.CounterVec
}

func newWorkerMetrics(m *Metrics) workerMetrics {
	return workerMetrics{
		slots:   m.gauge("penstock_worker_slots", "Maximum number of concurrent runs of a queue in this process.", "queue"),
		running: m.gauge("penstock_worker_runs", "Runs of a queue that this process is executing.", "queue"),
		parked: m.counter("penstock_runs_parked_total",
			"Attempts that parked their run, by what the run waits for: limit (a concurrency limit), pause (its flow is paused), retry (another try of a run that failed), or the kind of the waiting step: delay, wait_for, lock, or a step between two attempts.",
			"flow", "why"),
		lost: m.counter("penstock_leases_lost_total",
			"Attempts that were stopped because another worker had taken the run, or the run had ended.", "queue"),
		repaired: m.counter("penstock_runs_mended_total",
			"Runs repaired by the reconciler, by fault: lost (the worker died), missing (no task), late (past the run's limit), wake (parked until a past time) or settle (ended, not settled).",
			"queue", "fault"),
	}
}

// Slots sets the number of slots of a queue in this process.
func (m *Metrics) Slots(queue string, n int) {
	m.worker.slots.WithLabelValues(queue).Set(float64(n))
	m.worker.running.WithLabelValues(queue) // exports 0 instead of nothing
}

// Parked counts attempts that parked their run. It is worker.Config.Parked.
func (m *Metrics) Parked(flow int64, why string) {
	m.worker.parked.WithLabelValues(m.runs.flows.label(flow), why).Inc()
}

// Repaired implements queue.Meter.
func (m *Metrics) Repaired(queue, wrong string) {
	m.worker.repaired.WithLabelValues(queue, wrong).Inc()
}

// Lost implements queue.Meter.
func (m *Metrics) Lost(queue string) { m.worker.lost.WithLabelValues(queue).Inc() }

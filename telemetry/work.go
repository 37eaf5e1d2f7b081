package telemetry

import "github.com/prometheus/client_golang/prometheus"

// workerMetrics are a worker's metrics of itself.
type workerMetrics struct {
	slots    *prometheus.GaugeVec
	running  *prometheus.GaugeVec
	parked   *prometheus.CounterVec
	lost     *prometheus.CounterVec
	repaired *prometheus.CounterVec
}

func newWorkerMetrics(m *Metrics) workerMetrics {
	return workerMetrics{
		slots:   m.gauge("penstock_worker_slots", "Runs of a queue that this process may execute at once.", "queue"),
		running: m.gauge("penstock_worker_runs", "Runs of a queue that this process executes.", "queue"),
		parked: m.counter("penstock_runs_parked_total",
			"Attempts that let go of their run until something happens, by what it waits for: limit (a place at a concurrency limit), pause (its flow is paused), or the kind of the step that waits: delay, wait_for, lock, or one between two attempts.",
			"flow", "why"),
		lost: m.counter("penstock_leases_lost_total",
			"Attempts that were stopped because their run had become another worker's, or had ended.", "queue"),
		repaired: m.counter("penstock_runs_mended_total",
			"What the reconciler did for runs, by what was wrong: lost (their worker died), missing (their task), late (past their limit), wake (parked until then), settle (ended, not settled).",
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

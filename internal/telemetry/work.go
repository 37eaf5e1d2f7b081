package telemetry

import "github.com/prometheus/client_golang/prometheus"

// workMetrics are what a worker measures of itself.
type workMetrics struct {
	slots   prometheus.Gauge
	running prometheus.Gauge
	lost    *prometheus.CounterVec
	mended  *prometheus.CounterVec
}

func newWorkMetrics(m *Metrics) workMetrics {
	return workMetrics{
		slots:   m.gauge("penstock_worker_slots", "Runs that this process may execute at once.").WithLabelValues(),
		running: m.gauge("penstock_worker_runs", "Runs that this process executes.").WithLabelValues(),
		lost: m.counter("penstock_leases_lost_total",
			"Attempts that were stopped because their run had become another worker's, or had ended.", "queue"),
		mended: m.counter("penstock_runs_mended_total",
			"What the reconciler did for runs, by what was wrong: lost (their worker died), missing (their task), late (past their limit), wake (parked until then), settle (ended, not settled).",
			"queue", "fault"),
	}
}

// Slots says how many runs this process may execute at once.
func (m *Metrics) Slots(n int) { m.work.slots.Set(float64(n)) }

// Mended implements queue.Meter.
func (m *Metrics) Mended(queue, wrong string) { m.work.mended.WithLabelValues(queue, wrong).Inc() }

// Lost implements queue.Meter.
func (m *Metrics) Lost(queue string) { m.work.lost.WithLabelValues(queue).Inc() }

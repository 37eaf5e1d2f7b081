package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Archiver copies ended runs to the history. *history.Archiver implements it.
type Archiver interface {
	Waiting() int64
	Archived() int64
	Failed() int64
}

// History exports how ended runs get to the history.
func (m *Metrics) History(from Archiver) {
	const waiting, help = "penstock_history_waiting_runs", "Ended runs that Redis keeps because the history does not have them yet; 0 in processes that do not copy at the moment."
	m.describe(waiting, "gauge", help, nil)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: waiting, Help: help}, func() float64 { return float64(from.Waiting()) }))
	for _, c := range []struct {
		name, help string
		value      func() int64
	}{
		{"penstock_history_runs_total", "Ended runs that this process has copied to the history.", from.Archived},
		{"penstock_history_failures_total", "Number of times that copying ended runs to the history failed; they wait in Redis.", from.Failed},
	} {
		m.describe(c.name, "counter", c.help, nil)
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help}, func() float64 { return float64(c.value()) }))
	}
}

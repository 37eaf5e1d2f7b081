package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Health is the state of the store. Safe for concurrent use.
type Health interface {
	Ready() error
	Unopened() int
	Setbacks() int64
}

// Store exports whether this process can work with the store.
func (m *Metrics) Store(of Health) {
	gauge := func(name, help string, value func() float64) {
		m.describe(name, "gauge", help, nil)
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("penstock_store_ready", "1 if this process can use the store; 0 if it takes no work because it lacks a master key, is incompatible with other processes, or the store is being restored.", func() float64 {
		if of.Ready() != nil {
			return 0
		}
		return 1
	})
	gauge("penstock_store_unopened_records", "API keys, connections, secrets and signing keys that this process cannot decrypt; at most 1000.",
		func() float64 { return float64(of.Unopened()) })
	const name, help = "penstock_store_setbacks_total", "Number of times the store was found in an earlier state: Redis was emptied, restored, or lost changes in a failover."
	m.describe(name, "counter", help, nil)
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(of.Setbacks()) }))
}

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
	gauge("penstock_store_ready", "1 when this process can work with what is stored, 0 when it takes no work: it lacks a master key, does not fit the others' versions, or the store is being restored.", func() float64 {
		if of.Ready() != nil {
			return 0
		}
		return 1
	})
	gauge("penstock_store_unopened_records", "Keys, connections, secrets and signing keys that this process cannot open; counted up to 1000.",
		func() float64 { return float64(of.Unopened()) })
	const name, help = "penstock_store_setbacks_total", "How often the store was found to have gone back to an earlier state: Redis was emptied, restored, or lost changes in a failover."
	m.describe(name, "counter", help, nil)
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(of.Setbacks()) }))
}

package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock/penstock/internal/secretstore"
)

// SecretStores exports how the stores of secrets answer this process.
func (m *Metrics) SecretStores(of interface {
	Stats() map[string]secretstore.Stats
}) {
	c := &secretStores{of: of}
	define := func(name, kind, help string, labels ...string) *prometheus.Desc {
		m.describe(name, kind, help, labels)
		return prometheus.NewDesc(name, help, labels, nil)
	}
	c.references = define("penstock_secret_references", "gauge", "References to secrets in a store that this process has in use: vault, env, file or exec.", "store")
	c.failing = define("penstock_secret_references_failing", "gauge", "References in use that this process cannot read now. Their last values are used for a time.", "store")
	c.age = define("penstock_secret_age_seconds", "gauge", "Age of the oldest value in use, since its store last confirmed it.", "store")
	c.failures = define("penstock_secret_failures_total", "counter", "Readings of references that failed, by kind: denied, missing, invalid, unavailable, sealed or limited.", "store", "kind")
	m.registry.MustRegister(c)
}

// secretStores implements prometheus.Collector.
type secretStores struct {
	of interface {
		Stats() map[string]secretstore.Stats
	}
	references, failing, age, failures *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *secretStores) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.references, c.failing, c.age, c.failures} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *secretStores) Collect(to chan<- prometheus.Metric) {
	for store, s := range c.of.Stats() {
		to <- prometheus.MustNewConstMetric(c.references, prometheus.GaugeValue, float64(s.References), store)
		to <- prometheus.MustNewConstMetric(c.failing, prometheus.GaugeValue, float64(s.Failing), store)
		to <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, s.Age.Seconds(), store)
		for kind, n := range s.Failures {
			to <- prometheus.MustNewConstMetric(c.failures, prometheus.CounterValue, n, store, string(kind))
		}
	}
}

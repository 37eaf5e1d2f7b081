package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock/penstock/internal/budget"
)

// memoryMetrics are the metrics of the process's memory budget, read at each scrape.
type memoryMetrics struct {
	limit, heap, charged, full, ended, denied *prometheus.Desc
}

func newMemoryMetrics(m *Metrics) memoryMetrics {
	desc := func(kind, name, help string) *prometheus.Desc {
		m.describe(name, kind, help, nil)
		return prometheus.NewDesc(name, help, nil, nil)
	}
	return memoryMetrics{
		limit:   desc("gauge", "penstock_memory_limit_bytes", "Memory limit of this process: GOMEMLIMIT, or a share of the container's limit."),
		heap:    desc("gauge", "penstock_memory_heap_bytes", "Size of the heap at the last check, including garbage."),
		charged: desc("gauge", "penstock_memory_charged_bytes", "Memory charged to executing steps and to request bodies."),
		full:    desc("gauge", "penstock_memory_full", "1 while this process accepts no new runs and bodies for lack of memory, else 0."),
		ended:   desc("counter", "penstock_memory_runs_ended_total", "Runs that failed with the code limit because they used the most memory when the process ran short of it."),
		denied:  desc("counter", "penstock_memory_requests_denied_total", "Requests rejected with 503 because there was no memory for their bodies."),
	}
}

// Memory exports the memory budget of the process. nil: there is none.
func (m *Metrics) Memory(p *budget.Process) {
	if p != nil {
		m.registry.MustRegister(&memoryCollector{m.memory, p})
	}
}

// memoryCollector reads the budget once per scrape.
type memoryCollector struct {
	memoryMetrics
	process *budget.Process
}

// Describe implements prometheus.Collector.
func (m *memoryCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.limit, m.heap, m.charged, m.full, m.ended, m.denied} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *memoryCollector) Collect(ch chan<- prometheus.Metric) {
	s := m.process.Stats()
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	counter := func(d *prometheus.Desc, v int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	gauge(m.limit, float64(s.Limit))
	gauge(m.heap, float64(s.Heap))
	gauge(m.charged, float64(s.Charged))
	gauge(m.full, number(s.Full))
	counter(m.ended, s.Ended)
	counter(m.denied, s.Denied)
}

// Package telemetry tells operators what a process does: metrics for
// Prometheus, traces for OpenTelemetry, and ids that join both to the log.
package telemetry

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Bounds of histograms, in seconds. A run answers within 60 s, most within
// milliseconds; a command of Redis takes microseconds to, when it is ill, seconds.
var (
	runBounds   = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	stepBounds  = []float64{.0001, .001, .005, .025, .1, .5, 2.5, 10, 60}
	redisBounds = []float64{.0001, .00025, .0005, .001, .0025, .01, .05, .25, 1, 5}
)

// Metric describes one metric, for its reference.
type Metric struct {
	Name   string
	Type   string // counter, gauge, histogram
	Labels []string
	Help   string
}

// Metrics are those of one process. Safe for concurrent use once the parts
// that are measured have been told of them.
type Metrics struct {
	registry  *prometheus.Registry
	described []Metric

	door   doorMetrics
	runs   runMetrics
	redis  redisMetrics
	queues queueMetrics
	work   workMetrics
	memory memoryMetrics
}

// NewMetrics makes the metrics of a process of this version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.gauge("penstock_build_info", "Always 1; the labels say which build this is.", "version", "goversion").
		WithLabelValues(version, runtime.Version()).Set(1)
	m.door = newDoorMetrics(m)
	m.queues = newQueueMetrics(m)
	m.work = newWorkMetrics(m)
	m.memory = newMemoryMetrics(m)
	m.runs = newRunMetrics(m)
	m.redis = newRedisMetrics(m)
	return m
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, EnableOpenMetrics: true})
}

// Described lists our own metrics, in the order in which one reads them. The
// Go runtime's and the process' are Prometheus' usual ones.
func (m *Metrics) Described() []Metric { return m.described }

func (m *Metrics) describe(name, kind, help string, labels []string) {
	m.described = append(m.described, Metric{name, kind, labels, help})
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	m.describe(name, "counter", help, labels)
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	m.describe(name, "gauge", help, labels)
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(g)
	return g
}

func (m *Metrics) histogram(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
	m.describe(name, "histogram", help, labels)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
	m.registry.MustRegister(h)
	return h
}

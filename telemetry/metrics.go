// Package telemetry exports metrics for Prometheus and traces for OpenTelemetry, with ids that link both to the log.
package telemetry

import (
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"
)

// Buckets of histograms in seconds. A run ends within 60 s, most within milliseconds; a Redis command takes
// microseconds, or seconds when Redis is in trouble.
var (
	runBounds   = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	stepBounds  = []float64{.0001, .001, .005, .025, .1, .5, 2.5, 10, 60}
	redisBounds = []float64{.0001, .00025, .0005, .001, .0025, .01, .05, .25, 1, 5}
)

// Metric describes one metric for the reference.
type Metric struct {
	Name   string
	Type   string // counter, gauge, histogram
	Labels []string
	Help   string
}

// Metrics are the metrics of one process. Safe for concurrent use after the setup of the measured parts.
type Metrics struct {
	registry  *prometheus.Registry
	described []Metric

	api           apiMetrics
	runs          runMetrics
	redis         redisMetrics
	queues        queueMetrics
	worker        workerMetrics
	roles         *prometheus.GaugeVec
	scheduleTimes *prometheus.CounterVec // outcomes of scheduled times
	memory        memoryMetrics
	messages      messageMetrics
	webhooks      webhookMetrics
}

// NewMetrics returns the metrics of a process of the given version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.gauge("penstock_build_info", "Always 1; the labels identify the build.", "version", "goversion").
		WithLabelValues(version, runtime.Version()).Set(1)
	m.roles = m.gauge("penstock_role", "Always 1; the label is a role of this process: api or worker. A process may have both.", "role")
	m.api = newAPIMetrics(m)
	m.queues = newQueueMetrics(m)
	m.worker = newWorkerMetrics(m)
	m.memory = newMemoryMetrics(m)
	m.runs = newRunMetrics(m)
	m.scheduleTimes = m.counter("penstock_schedule_times_total",
		"Scheduled times by outcome: started, skipped (the previous run had not ended) or missed (too old to be caught up).", "flow", "outcome")
	m.messages = newMessageMetrics(m)
	m.webhooks = newWebhookMetrics(m)
	m.redis = newRedisMetrics(m)
	return m
}

// Role sets a role of the process, "api" or "worker"; it may have both.
func (m *Metrics) Role(role string) { m.roles.WithLabelValues(role).Set(1) }

// Times implements schedule.Meter.
func (m *Metrics) Times(flow int64, outcome string, n int) {
	m.scheduleTimes.WithLabelValues(m.runs.flows.label(flow), outcome).Add(float64(n))
}

// observe adds a duration to a histogram, with the sampled trace of the context as its exemplar.
func observe(ctx context.Context, to prometheus.Observer, took time.Duration) {
	if s := trace.SpanContextFromContext(ctx); s.IsSampled() {
		if with, ok := to.(prometheus.ExemplarObserver); ok {
			with.ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": s.TraceID().String()})
			return
		}
	}
	to.Observe(took.Seconds())
}

// Handler serves scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, EnableOpenMetrics: true})
}

// Described lists our own metrics in the order of the reference. Those of the Go runtime and the process are
// Prometheus' standard ones.
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

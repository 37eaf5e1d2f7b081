package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// doorMetrics are what is measured at the front door.
type doorMetrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newDoorMetrics(m *Metrics) doorMetrics {
	return doorMetrics{
		requests: m.counter("penstock_door_requests_total", "Requests that were answered.", "route", "method", "status"),
		duration: m.histogram("penstock_door_request_duration_seconds",
			"From the request's header to the end of its answer, the run that it waited for included.", runBounds, "route"),
		inFlight: m.gauge("penstock_door_requests_in_flight", "Requests that are being answered.").WithLabelValues(),
	}
}

// noRoute stands for every path that leads nowhere: those are the caller's
// text, and without end.
const noRoute = "none"

// Door measures a handler that leaves its route in the request's Pattern.
func (m *Metrics) Door(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun, answer := time.Now(), &answer{ResponseWriter: w, status: http.StatusOK}
		m.door.inFlight.Inc()
		defer func() {
			m.door.inFlight.Dec()
			route := r.Pattern
			if route == "" {
				route = noRoute
			}
			m.door.requests.WithLabelValues(route, method(r.Method), strconv.Itoa(answer.status)).Inc()
			m.door.duration.WithLabelValues(route).Observe(time.Since(begun).Seconds())
		}()
		next.ServeHTTP(answer, r)
	})
}

// method is one of those that there are.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// answer remembers the status. Everything else is its writer's, which
// http.ResponseController finds by Unwrap.
type answer struct {
	http.ResponseWriter
	status  int
	written bool
}

func (a *answer) WriteHeader(status int) {
	if !a.written {
		a.status, a.written = status, status >= http.StatusOK
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter; a first one without WriteHeader is a 200.
func (a *answer) Write(p []byte) (int, error) {
	a.written = true
	return a.ResponseWriter.Write(p)
}

// Flush implements http.Flusher, for streams of events.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Waiters shows how many runs are waited for.
func (m *Metrics) Waiters(count func() int) {
	const name, help = "penstock_door_waiters", "Runs whose results this process waits for."
	m.describe(name, "gauge", help, nil)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(count()) }))
}

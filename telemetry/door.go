package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// doorMetrics are what is measured at the front door.
type doorMetrics struct {
	requests *prometheus.CounterVec
	refusals *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	streams  prometheus.Gauge
}

func newDoorMetrics(m *Metrics) doorMetrics {
	return doorMetrics{
		requests: m.counter("penstock_door_requests_total", "Requests that were answered, by who chose the status: the flow (a respond, fail or validate step) or the product.", "route", "method", "status", "origin"),
		refusals: m.counter("penstock_door_refusals_total", "Requests that were to run a flow and were not let in, by reason: the code of the answer.", "route", "reason"),
		duration: m.histogram("penstock_door_request_duration_seconds",
			"From the request's header to the end of its answer, the run that it waited for included.", runBounds, "route"),
		inFlight: m.gauge("penstock_door_requests_in_flight", "Requests that are being answered.").WithLabelValues(),
		streams:  m.gauge("penstock_door_streams", "Streams of events (Server-Sent Events) that are open.").WithLabelValues(),
	}
}

// noRoute stands for every path that leads nowhere: those are the caller's
// text, and without end.
const noRoute = "none"

// label is what a handler says of its answer. It belongs to the request's
// goroutine.
type label struct {
	byFlow  bool
	refusal string // empty: none
}

type labelKey struct{}

// Label is for the handler that Door measures: it says of the answer to a
// request whether a flow chose its status, and why the request was refused;
// empty: it was not. Reasons must be few: each is a series of its own. ctx is
// that of the request.
func Label(ctx context.Context, byFlow bool, refusal string) {
	if l, ok := ctx.Value(labelKey{}).(*label); ok {
		l.byFlow, l.refusal = byFlow, refusal
	}
}

// Door measures a handler that leaves its route in the request's Pattern and
// calls Label.
func (m *Metrics) Door(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun, answer, said := time.Now(), &answer{ResponseWriter: w, status: http.StatusOK, streams: m.door.streams}, &label{}
		outer := r
		r = r.WithContext(context.WithValue(r.Context(), labelKey{}, said))
		m.door.inFlight.Inc()
		defer func() {
			m.door.inFlight.Dec()
			answer.end()
			route := r.Pattern
			outer.Pattern = route // for who wraps this handler
			if route == "" {
				route = noRoute
			}
			m.door.requests.WithLabelValues(route, method(r.Method), strconv.Itoa(answer.status), origin(said.byFlow)).Inc()
			if said.refusal != "" {
				m.door.refusals.WithLabelValues(route, said.refusal).Inc()
			}
			observe(r.Context(), m.door.duration.WithLabelValues(route), time.Since(begun))
		}()
		next.ServeHTTP(answer, r)
	})
}

func origin(byFlow bool) string {
	if byFlow {
		return "flow"
	}
	return "product"
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
	status    int
	written   bool
	streaming bool
	streams   prometheus.Gauge
}

func (a *answer) WriteHeader(status int) {
	if !a.written {
		a.status = status
		a.begin(status >= http.StatusOK)
	}
	a.ResponseWriter.WriteHeader(status)
}

// begin notes that the answer itself has begun, and whether it is a stream.
func (a *answer) begin(itself bool) {
	if a.written || !itself {
		return
	}
	a.written = true
	if a.Header().Get("Content-Type") == "text/event-stream" {
		a.streaming = true
		a.streams.Inc()
	}
}

func (a *answer) end() {
	if a.streaming {
		a.streams.Dec()
	}
}

// Write implements http.ResponseWriter; a first one without WriteHeader is a 200.
func (a *answer) Write(p []byte) (int, error) {
	a.begin(true)
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

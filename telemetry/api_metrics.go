package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// apiMetrics are the metrics of the front door.
type apiMetrics struct {
	requests   *prometheus.CounterVec
	rejections *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	inFlight   prometheus.Gauge
	streams    prometheus.Gauge
}

func newAPIMetrics(m *Metrics) apiMetrics {
	return apiMetrics{
		requests:   m.counter("penstock_door_requests_total", "Completed requests, by route, method, status, and origin of the status: the flow (a respond, fail or validate step) or the product.", "route", "method", "status", "origin"),
		rejections: m.counter("penstock_door_refusals_total", "Rejected requests to run a flow, by the error code of the response.", "route", "reason"),
		duration: m.histogram("penstock_door_request_duration_seconds",
			"Duration from the request's header to the end of the response, including the run that the caller waits for.", runBounds, "route"),
		inFlight: m.gauge("penstock_door_requests_in_flight", "Requests in flight.").WithLabelValues(),
		streams:  m.gauge("penstock_door_streams", "Open event streams (Server-Sent Events).").WithLabelValues(),
	}
}

// noRoute is the label of all paths without a route: their text is the caller's and would create an unlimited number
// of series.
const noRoute = "none"

// responseLabel is a handler's description of its response. It is used by the request's goroutine only.
type responseLabel struct {
	byFlow    bool
	rejection string // empty: not rejected
}

type labelKey struct{}

// Label is for handlers measured by Middleware: it describes the response to a request. byFlow: a flow chose the status.
// rejection: the reason for a rejection; empty: not rejected. Each reason is a series, so that there must be few. ctx
// is that of the request.
func Label(ctx context.Context, byFlow bool, refusal string) {
	if l, ok := ctx.Value(labelKey{}).(*responseLabel); ok {
		l.byFlow, l.rejection = byFlow, refusal
	}
}

// Middleware measures a handler that sets the request's Pattern to its route and calls Label.
func (m *Metrics) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun, answer, label := time.Now(), &responseRecorder{ResponseWriter: w, status: http.StatusOK, streams: m.api.streams}, &responseLabel{}
		outer := r
		r = r.WithContext(context.WithValue(r.Context(), labelKey{}, label))
		m.api.inFlight.Inc()
		defer func() {
			m.api.inFlight.Dec()
			answer.end()
			route := r.Pattern
			outer.Pattern = route // for the code that wraps this handler
			if route == "" {
				route = noRoute
			}
			m.api.requests.WithLabelValues(route, method(r.Method), strconv.Itoa(answer.status), origin(label.byFlow)).Inc()
			if label.rejection != "" {
				m.api.rejections.WithLabelValues(route, label.rejection).Inc()
			}
			observe(r.Context(), m.api.duration.WithLabelValues(route), time.Since(begun))
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

// method returns a known method, or "other".
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// responseRecorder records the status. Other features of its writer are available to http.ResponseController by Unwrap.
type responseRecorder struct {
	http.ResponseWriter
	status    int
	written   bool
	streaming bool
	streams   prometheus.Gauge
}

func (a *responseRecorder) WriteHeader(status int) {
	if !a.written {
		a.status = status
		a.begin(status >= http.StatusOK)
	}
	a.ResponseWriter.WriteHeader(status)
}

// begin records that the response has started, and whether it is a stream.
func (a *responseRecorder) begin(itself bool) {
	if a.written || !itself {
		return
	}
	a.written = true
	if a.Header().Get("Content-Type") == "text/event-stream" {
		a.streaming = true
		a.streams.Inc()
	}
}

func (a *responseRecorder) end() {
	if a.streaming {
		a.streams.Dec()
	}
}

// Write implements http.ResponseWriter; without WriteHeader the status is 200.
func (a *responseRecorder) Write(p []byte) (int, error) {
	a.begin(true)
	return a.ResponseWriter.Write(p)
}

// Flush implements http.Flusher, for event streams.
func (a *responseRecorder) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (a *responseRecorder) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Waiters exports the number of runs that callers wait for.
func (m *Metrics) Waiters(count func() int) {
	const name, help = "penstock_door_waiters", "Runs whose results callers of this process wait for."
	m.describe(name, "gauge", help, nil)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(count()) }))
}

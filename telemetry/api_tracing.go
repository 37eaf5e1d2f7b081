package telemetry

import (
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Middleware traces the requests of a handler that sets the request's Pattern to its route. It continues the caller's
// trace. Probes are not traced.
func (t *Tracing) Middleware(next http.Handler) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		span := trace.SpanFromContext(r.Context())
		if r.Pattern != "" {
			span.SetAttributes(semconv.HTTPRoute(r.Pattern))
		}
		if id := w.Header().Get("X-Request-Id"); id != "" {
			span.SetAttributes(keyRequest.String(id))
		}
		if id := w.Header().Get("Penstock-Run-Id"); id != "" {
			span.SetAttributes(keyRun.String(id))
		}
	})
	return otelhttp.NewHandler(inner, "",
		otelhttp.WithTracerProvider(t.provider),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()), // Prometheus has these metrics
		otelhttp.WithPropagators(t.propagator),
		otelhttp.WithFilter(func(r *http.Request) bool { return r.URL.Path != "/healthz" && r.URL.Path != "/readyz" }),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			if r.Pattern == "" { // not routed yet, or without a route
				return method(r.Method)
			}
			return method(r.Method) + " " + r.Pattern
		}),
	)
}

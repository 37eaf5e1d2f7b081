package telemetry

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/internal/mask"
)

// Transport traces the calls of steps and propagates the trace. A span lasts until the header of the response. It has
// method, host and status, but not the path and the query, which may contain secrets of the flow.
func (t *Tracing) Transport(next http.RoundTripper) http.RoundTripper {
	return tracedTransport{t, next}
}

type tracedTransport struct {
	t    *Tracing
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (o tracedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := o.t.tracer.Start(r.Context(), method(r.Method), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(target(r)...))
	defer span.End()
	r = r.Clone(ctx)
	if r.Header.Get("Traceparent") == "" { // otherwise the flow has set its own
		o.t.propagator.Inject(ctx, propagation.HeaderCarrier(r.Header))
	}
	w, err := o.next.RoundTrip(r)
	if err != nil {
		span.SetAttributes(semconv.ErrorTypeKey.String(failure(err)))
		span.SetStatus(codes.Error, failure(err))
		return w, err
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(w.StatusCode))
	if w.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, strconv.Itoa(w.StatusCode))
	}
	return w, nil
}

func target(r *http.Request) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.HTTPRequestMethodKey.String(method(r.Method)),
		semconv.ServerAddress(mask.Of(r.Context()).Text(r.URL.Hostname())), // that of a redirect may have a secret that was sent
		semconv.URLScheme(r.URL.Scheme),
	}
	if port, err := strconv.Atoi(r.URL.Port()); err == nil {
		attrs = append(attrs, semconv.ServerPort(port))
	}
	return attrs
}

// failure describes why a call got no response, without its URL.
func failure(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	return "connection"
}

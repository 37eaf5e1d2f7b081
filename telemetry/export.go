package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// exporter sends spans by OTLP over HTTP. It is our own because OpenTelemetry's exporter links a gRPC stack, which
// nearly doubles the size of the program.
type exporter struct {
	endpoint string
	headers  map[string]string
	client   *http.Client
}

// maxExportAttempts is the maximum number of times a batch is sent; after that its spans are dropped.
const maxExportAttempts = 4

func newExporter(cfg TracingConfig) (*exporter, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the collector's endpoint is no http or https URL") // not shown: it may contain a key
	}
	client := cfg.HTTP
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	return &exporter{endpoint: u.String(), headers: cfg.Headers, client: client}, nil
}

// ExportSpans implements sdktrace.SpanExporter. It is called by one goroutine.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	body, err := proto.Marshal(&collector.ExportTraceServiceRequest{ResourceSpans: encodeSpans(spans)})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	for n, wait := 1, 200*time.Millisecond; ; n, wait = n+1, 2*wait {
		again, err := e.send(ctx, body)
		if err == nil {
			return nil
		}
		if !again || n == maxExportAttempts {
			return fmt.Errorf("send %d spans: %w", len(spans), err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("send %d spans: %w", len(spans), err)
		}
	}
}

// send sends a batch once; again reports whether a failure is worth a retry.
func (e *exporter) send(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.endpoint, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("make request")
	}
	for name, value := range e.headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	w, err := e.client.Do(r)
	if err != nil {
		return true, fmt.Errorf("no answer: %s", failure(err))
	}
	defer w.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(w.Body, 64<<10)) // so that the connection is reused
	if w.StatusCode < http.StatusMultipleChoices {
		return false, nil
	}
	switch w.StatusCode { // retryable according to OTLP
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("the collector answered %s", w.Status)
}

// Shutdown implements sdktrace.SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The attribute keys of spans, besides OpenTelemetry's own. Values are names, numbers and codes, never a query
// string, a body, an item or a message, which may contain secrets and personal data.
const (
	keyRequest  = attribute.Key("penstock.request_id")
	keyRun      = attribute.Key("penstock.run_id")
	keyFlow     = attribute.Key("penstock.flow")
	keyVersion  = attribute.Key("penstock.flow_version")
	keyQueue    = attribute.Key("penstock.queue")
	keyAttempt  = attribute.Key("penstock.attempt")
	keyOutcome  = attribute.Key("penstock.outcome")
	keyStep     = attribute.Key("penstock.step")
	keyKind     = attribute.Key("penstock.kind")
	keyIn       = attribute.Key("penstock.items_in")
	keyOut      = attribute.Key("penstock.items_out")
	keyAttempts = attribute.Key("penstock.attempts")
	keyReplayed = attribute.Key("penstock.replayed")
)

// TracingConfig configures the export of spans. Endpoint and Log are required.
type TracingConfig struct {
	Endpoint string            // of the collector, OTLP over HTTP: https://collector:4318/v1/traces
	Headers  map[string]string // added to requests, such as a collector's credentials
	Service  string            // empty: penstock
	Version  string            // of this build
	Instance string            // id of this process

	Log  *slog.Logger
	HTTP *http.Client // nil: one with a timeout of 10 s
}

// Tracing sends spans to a collector: of requests, tasks, steps and the calls of steps. OpenTelemetry's own variables
// set the sampling (OTEL_TRACES_SAMPLER, OTEL_BSP_*). Safe for concurrent use.
type Tracing struct {
	provider   *sdktrace.TracerProvider
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
}

// NewTracing starts tracing. Close sends the remaining spans.
func NewTracing(cfg TracingConfig) (*Tracing, error) {
	if cfg.Endpoint == "" || cfg.Log == nil {
		return nil, errors.New("new tracing: Endpoint and Log are required")
	}
	if cfg.Service == "" {
		cfg.Service = "penstock"
	}
	exporter, err := newExporter(cfg)
	if err != nil {
		return nil, fmt.Errorf("new tracing: %w", err)
	}
	about, err := resource.New(context.Background(), resource.WithAttributes(
		attribute.String("service.name", cfg.Service),
		attribute.String("service.version", cfg.Version),
		attribute.String("service.instance.id", cfg.Instance),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("new tracing: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { cfg.Log.Warn("traces", "error", err) }))
	return &Tracing{provider: provider, tracer: provider.Tracer("penstock"), propagator: propagation.TraceContext{}}, nil
}

// Close sends the remaining spans, for at most five seconds.
func (t *Tracing) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// Flush sends the spans that have ended.
func (t *Tracing) Flush(ctx context.Context) error { return t.provider.ForceFlush(ctx) }

// Carrier returns the trace of a context as W3C headers, for a task.
func (t *Tracing) Carrier(ctx context.Context) map[string]string {
	m := propagation.MapCarrier{}
	t.propagator.Inject(ctx, m)
	return m
}

package app

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/penstock/penstock/telemetry"
)

// readOTel reads OpenTelemetry's own variables for the export of traces. Without an endpoint, traces are off. The SDK
// reads the variables for sampling and batching itself.
func readOTel(getenv func(string) string) (telemetry.TracingConfig, error) {
	var cfg telemetry.TracingConfig
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return cfg, nil
	}
	first := func(name string) string { // variables for traces win over those for all signals
		if v := getenv("OTEL_EXPORTER_OTLP_TRACES_" + name); v != "" {
			return v
		}
		return getenv("OTEL_EXPORTER_OTLP_" + name)
	}
	cfg.Endpoint = getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if base := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); cfg.Endpoint == "" && base != "" {
		cfg.Endpoint = strings.TrimRight(base, "/") + "/v1/traces"
	}
	if cfg.Endpoint == "" {
		return cfg, nil
	}
	if p := first("PROTOCOL"); p != "" && p != "http/protobuf" {
		return cfg, fmt.Errorf("read settings: OTEL_EXPORTER_OTLP_PROTOCOL is %q; only http/protobuf is supported", p)
	}
	var err error
	cfg.Headers, err = otelHeaders(first("HEADERS"))
	return cfg, err
}

// otelHeaders parses name=value,name=value with percent-encoded values.
func otelHeaders(text string) (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || err != nil || name == "" {
			return nil, errors.New("read settings: OTEL_EXPORTER_OTLP_HEADERS is not name=value,name=value") // not shown: it holds a key
		}
		headers[name] = value
	}
	return headers, nil
}

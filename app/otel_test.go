package app

import (
	"strings"
	"testing"
)

func TestReadOTel(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, vars, endpoint, failure string
		headers                       map[string]string
	}{
		{"nothing is said", "", "", "", nil},
		{"a base", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/", "http://c:4318/v1/traces", "", nil},
		{"traces alone", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://t/x", "http://t/x", "", nil},
		{"disabled", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_SDK_DISABLED=true", "", "", nil},
		{"no traces", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_TRACES_EXPORTER=none", "", "", nil},
		{"another protocol", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "", "only http/protobuf is supported", nil},
		{"headers", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_HEADERS=a=b%20c,Key=x=", "http://c/v1/traces", "", map[string]string{"a": "b c", "Key": "x="}},
		{"bad headers", "OTEL_EXPORTER_OTLP_ENDPOINT=http://c OTEL_EXPORTER_OTLP_HEADERS=s3cret", "", "is not name=value", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			vars := map[string]string{}
			for _, pair := range strings.Fields(c.vars) {
				name, value, _ := strings.Cut(pair, "=")
				vars[name] = value
			}
			cfg, err := readOTel(func(name string) string { return vars[name] })
			if c.failure != "" {
				if err == nil || !strings.Contains(err.Error(), c.failure) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || cfg.Endpoint != c.endpoint {
				t.Errorf("endpoint %q, %v; want %q", cfg.Endpoint, err, c.endpoint)
			}
			for name, value := range c.headers {
				if cfg.Headers[name] != value {
					t.Errorf("header %s is %q, want %q", name, cfg.Headers[name], value)
				}
			}
		})
	}
}

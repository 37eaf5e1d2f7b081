package cli

import (
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/telemetry"
)

// spanCollector is an OTLP collector. It stores span names by trace, and all received data as text.
type spanCollector struct {
	mu     sync.Mutex          // guards the rest
	traces map[string][]string // by trace id
	text   strings.Builder
}

func (s *spanCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	request := &collector.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(body, request); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.WriteString(prototext.Format(request))
	for _, rs := range request.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, span := range ss.Spans {
				s.traces[string(span.TraceId)] = append(s.traces[string(span.TraceId)], span.Name)
			}
		}
	}
}

// hasTrace reports whether one trace contains all names.
func (s *spanCollector) hasTrace(names ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, have := range s.traces {
		text := "\n" + strings.Join(have, "\n") + "\n"
		all := true
		for _, name := range names {
			all = all && strings.Contains(text, "\n"+name+"\n")
		}
		if all {
			return true
		}
	}
	return false
}

// freeAddress returns a currently free address.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func scrape(t *testing.T, addr string) string {
	t.Helper()
	r, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("scrape: %s, %v", r.Status, err)
	}
	return string(text)
}

// An API process and a worker export metrics and traces.
func TestProcessesAreObserved(t *testing.T) {
	t.Parallel()
	got := &spanCollector{traces: map[string][]string{}}
	sink := httptest.NewServer(got)
	defer sink.Close()
	redis := testenv.Redis(t)
	settings := map[string]string{
		"PENSTOCK_REDIS_URL":  redis.URL(),
		"PENSTOCK_MASTER_KEY": base64.StdEncoding.EncodeToString(store.NewMasterKey()),
		"PENSTOCK_API_KEY":    "k", "PENSTOCK_API_SECRET": "s3cret",
		"PENSTOCK_FLOWS": "testdata/flows", "PENSTOCK_LISTEN": "127.0.0.1:0",
		"OTEL_EXPORTER_OTLP_ENDPOINT": sink.URL, "OTEL_BSP_SCHEDULE_DELAY": "50",
	}
	ready := filepath.Join(t.TempDir(), "ready")
	apiMetrics, workerMetrics := freeAddress(t), freeAddress(t)
	door := startChild(t, "api", settings, "--ready-file", ready, "--metrics-listen", apiMetrics)
	worker := startChild(t, "worker", settings, "--metrics-listen", workerMetrics)
	door.ready(t, ready)
	if status, a := call(t, door.url, "k", "s3cret", 71, `{"a": 1}`); status != http.StatusOK {
		t.Fatalf("status %d, %+v", status, a)
	}
	testenv.Until(t, "one trace from the door to the step", func() bool {
		return got.hasTrace("POST /apis/execute.php", "run flow 71", "set")
	})
	for addr, lines := range map[string][]string{
		apiMetrics: {
			`penstock_door_requests_total{method="POST",origin="product",route="/apis/execute.php",status="200"} 1`, `penstock_role{role="api"} 1`, `penstock_door_waiters 0`,
			`penstock_queue_workers{queue="default"} 1`,
		},
		workerMetrics: {
			`penstock_run_duration_seconds_count{flow="71",outcome="succeeded"} 1`, `penstock_run_pickup_seconds_count{queue="default"} 1`,
			`penstock_step_duration_seconds_count{flow="71",kind="set"} 1`, `penstock_worker_slots{queue="default"} 64`, `penstock_role{role="worker"} 1`,
		},
	} {
		text := scrape(t, addr)
		for _, line := range lines {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("no line %q in\n%s", line, text)
			}
		}
	}
	worker.end(t)
	door.end(t)
	if strings.Contains(got.text.String(), "s3cret") || strings.Contains(got.text.String(), "check=") {
		t.Errorf("a span holds a secret:\n%s", got.text.String())
	}
	if !strings.Contains(worker.log.String(), `"trace_id"`) || !strings.Contains(door.log.String(), `"trace_id"`) {
		t.Error("the log does not name traces")
	}
}

// The reference of the metrics is generated from the registry.
func TestMetricsReference(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics("")
	m.Waiters(func() int { return 0 })
	m.Store(nil)
	m.SecretStores(nil)
	m.Audit(nil)
	golden(t, filepath.Join("..", "..", "docs", "metrics.md"), metricsReference(m.Described()))
}

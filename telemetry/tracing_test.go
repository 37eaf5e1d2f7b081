package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/queue"
)

// testCollector is a collector of OTLP over HTTP.
type testCollector struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	requests []*collector.ExportTraceServiceRequest // guarded by mu
	refuse   []int                                  // guarded by mu; statuses of the next responses
	keys     []string                               // guarded by mu
}

func newTestCollector(t *testing.T) *testCollector {
	t.Helper()
	s := &testCollector{t: t}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *testCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	request := &collector.ExportTraceServiceRequest{}
	if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, request) != nil {
		s.t.Errorf("%s %s, %d bytes: %v", r.Method, r.URL, len(body), err)
	}
	s.keys = append(s.keys, r.Header.Get("Api-Key"))
	if len(s.refuse) > 0 {
		w.WriteHeader(s.refuse[0])
		s.refuse = s.refuse[1:]
		return
	}
	s.requests = append(s.requests, request)
}

// spans returns all received spans, by name.
func (s *testCollector) spans() map[string]*otlp.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]*otlp.Span{}
	for _, r := range s.requests {
		for _, rs := range r.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, span := range ss.Spans {
					all[span.Name] = span
				}
			}
		}
	}
	return all
}

func (s *testCollector) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, r := range s.requests {
		b.WriteString(prototext.Format(r))
	}
	return b.String()
}

func newTestTracing(t *testing.T, s *testCollector) *Tracing {
	t.Helper()
	tracing, err := NewTracing(TracingConfig{
		Endpoint: s.URL + "/v1/traces", Headers: map[string]string{"Api-Key": "k"}, Version: "v1", Instance: "i1", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tracing.Close() })
	return tracing
}

func attributes(span *otlp.Span) map[string]any {
	out := map[string]any{}
	for _, a := range span.GetAttributes() {
		switch {
		case a.Value.GetStringValue() != "":
			out[a.Key] = a.Value.GetStringValue()
		default:
			out[a.Key] = a.Value.GetIntValue()
		}
	}
	return out
}

// A trace continues from the caller through the front door, the task, the run and its step to the call that the step
// makes, and holds no secret.
func TestATraceGoesAllTheWay(t *testing.T) {
	t.Parallel()
	s := newTestCollector(t)
	tracing := newTestTracing(t, s)
	const caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

	var task map[string]string
	door := tracing.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = "/apis/execute.php"
		w.Header().Set("Penstock-Run-Id", "run-1")
		task = tracing.Carrier(r.Context())
	}))
	in := httptest.NewRequest(http.MethodPost, "/apis/execute.php?key=k&check=s3cret", strings.NewReader("s3cret"))
	in.Header.Set("Traceparent", caller)
	in.Header.Set("Authorization", "Bearer s3cret")
	door.ServeHTTP(httptest.NewRecorder(), in)

	var sent http.Header
	transport := tracing.Transport(roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = r.Header
		return &http.Response{StatusCode: http.StatusBadGateway, Body: http.NoBody}, nil
	}))
	ctx, run := tracing.Begin(t.Context(), &queue.Attempt{Spec: queue.Spec{ID: "run-1", Flow: 69, Queue: "default", Trace: task}, Number: 2})
	stepCtx, end := run.Step(ctx, flows.StepStart{Step: "find", Kind: "http", In: 1, At: time.Now()})
	out, _ := http.NewRequestWithContext(stepCtx, http.MethodGet, "https://user:s3cret@crm.example.org:8443/s3cret?token=s3cret", nil)
	out.Header.Set("Authorization", "s3cret")
	if _, err := transport.RoundTrip(out); err != nil {
		t.Fatal(err)
	}
	if out.Header.Get("Traceparent") != "" {
		t.Error("the caller's request was changed")
	}
	end(flows.StepEnd{Step: "find", Kind: "http", Attempts: 1, At: time.Now(), Err: &flows.Error{Code: flows.CodeStepFailed, Message: "s3cret"}})
	run.End(queue.Outcome{State: queue.Failed, Error: &flows.Error{Code: flows.CodeStepFailed, Step: "find", Message: "s3cret"}}, nil)
	if err := tracing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	spans := s.spans()
	chain := []string{"POST /apis/execute.php", "run flow 69", "find", "GET"}
	for i, name := range chain {
		span := spans[name]
		if span == nil {
			t.Fatalf("no span %q in\n%s", name, s.text())
		}
		if id := span.TraceId; string(id) != "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c" {
			t.Errorf("%s is of trace %x, not of the caller's", name, id)
		}
		if i > 0 && !bytes.Equal(span.ParentSpanId, spans[chain[i-1]].SpanId) {
			t.Errorf("%s is not below %s", name, chain[i-1])
		}
	}
	if got := sent.Get("Traceparent"); !strings.Contains(got, "0af7651916cd43dd8448eb211c80319c") {
		t.Errorf("the call carries %q", got)
	}
	if strings.Contains(s.text(), "s3cret") {
		t.Errorf("a span holds a secret:\n%s", s.text())
	}
	if a := attributes(spans["run flow 69"]); a["penstock.run_id"] != "run-1" || a["penstock.attempt"] != int64(2) || a["penstock.outcome"] != "failed" {
		t.Errorf("of the run: %v", a)
	}
	if a := attributes(spans["POST /apis/execute.php"]); a["penstock.run_id"] != "run-1" || a["http.route"] != "/apis/execute.php" {
		t.Errorf("of the door: %v", a)
	}
	if a := attributes(spans["GET"]); a["server.address"] != "crm.example.org" || a["http.response.status_code"] != int64(502) {
		t.Errorf("of the call: %v", a)
	}
	if span := spans["find"]; span.Status.GetCode() != otlp.Status_STATUS_CODE_ERROR || span.Status.Message != string(flows.CodeStepFailed) {
		t.Errorf("of the step: %v", span.Status)
	}
	for _, about := range []string{`"penstock"`, `"v1"`, `"i1"`} {
		if !strings.Contains(s.text(), about) {
			t.Errorf("the resource does not say %s", about)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A server may redirect to a host that has the secret that it was sent.
func TestTheHostOfASpanIsMasked(t *testing.T) {
	t.Parallel()
	s := newTestCollector(t)
	tracing := newTestTracing(t, s)
	ctx, _ := mask.With(t.Context())
	mask.Add(ctx, "S3cret-key")
	transport := tracing.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	}))
	out, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://s3cret-key.example.org/", nil)
	if _, err := transport.RoundTrip(out); err != nil {
		t.Fatal(err)
	}
	if err := tracing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := attributes(s.spans()["GET"]); a["server.address"] != "***.example.org" {
		t.Errorf("of the call: %v", a)
	}
}

func TestProbesAreNotTraced(t *testing.T) {
	t.Parallel()
	s := newTestCollector(t)
	tracing := newTestTracing(t, s)
	door := tracing.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, path := range []string{"/healthz", "/readyz", "/nowhere/s3cret"} {
		door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	if err := tracing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if spans := s.spans(); len(spans) != 1 || spans["GET"] == nil {
		t.Errorf("spans %v; want one, with a name that is not the caller's text", spans)
	}
}

func TestACallWithoutAnAnswerSaysWhy(t *testing.T) {
	t.Parallel()
	s := newTestCollector(t)
	tracing := newTestTracing(t, s)
	for method, err := range map[string]error{
		http.MethodGet: context.DeadlineExceeded, http.MethodPut: errors.New("dial s3cret: refused"), http.MethodPost: context.Canceled,
	} {
		failing := tracing.Transport(roundTripper(func(*http.Request) (*http.Response, error) { return nil, err }))
		r := httptest.NewRequest(method, "http://crm/", nil)
		if _, got := failing.RoundTrip(r); !errors.Is(got, err) {
			t.Errorf("%s: %v", method, got)
		}
	}
	if err := tracing.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for method, why := range map[string]string{http.MethodGet: "timeout", http.MethodPut: "connection", http.MethodPost: "cancelled"} {
		if a := attributes(s.spans()[method]); a["error.type"] != why {
			t.Errorf("%s: %v, want %s", method, a, why)
		}
	}
	if strings.Contains(s.text(), "s3cret") {
		t.Error("an error's text is in a span")
	}
}

// An unavailable collector loses no spans; one that refuses is not called again.
func TestSpansAreSentAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		refuse []int
		came   bool
		tries  int
	}{
		{[]int{503, 429}, true, 3},
		{[]int{400}, false, 1},
		{[]int{503, 503, 503, 503, 503}, false, maxExportAttempts},
	} {
		s := newTestCollector(t)
		s.refuse = c.refuse
		tracing := newTestTracing(t, s)
		_, run := tracing.Begin(t.Context(), &queue.Attempt{Spec: queue.Spec{Flow: 1}})
		run.End(queue.Outcome{State: queue.Succeeded}, nil)
		err := tracing.Flush(t.Context())
		if came := len(s.spans()) == 1; came != c.came || (err == nil) != c.came || len(s.keys) != c.tries || s.keys[0] != "k" {
			t.Errorf("refused with %v: came %v, error %v, tries %q", c.refuse, came, err, s.keys)
		}
	}
}

func TestLogLinesNameTheirTrace(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := slog.New(LogHandler(slog.NewTextHandler(&b, nil))).With("a", 1)
	tracing := newTestTracing(t, newTestCollector(t))
	ctx, span := tracing.tracer.Start(t.Context(), "x")
	log.InfoContext(ctx, "under")
	log.Info("beside")
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if !strings.Contains(lines[0], "trace_id="+span.SpanContext().TraceID().String()) || strings.Contains(lines[1], "trace_id") {
		t.Errorf("lines:\n%s", b.String())
	}
}

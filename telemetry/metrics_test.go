package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// scrape returns the samples without comments.
func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("scrape: %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func want(t *testing.T, scraped string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(scraped, line+"\n") {
			t.Errorf("no line %q in\n%s", line, ownMetrics(scraped))
		}
	}
}

func ownMetrics(scraped string) string {
	var b strings.Builder
	for line := range strings.Lines(scraped) {
		if strings.HasPrefix(line, "penstock_") && !strings.Contains(line, "_bucket{") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestDoorIsMeasuredByRouteAndStatus(t *testing.T) {
	t.Parallel()
	m := NewMetrics("v1")
	door := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/runs/") {
			r.Pattern = "/v1/runs/:run"
			w.WriteHeader(http.StatusEarlyHints) // is not the final response
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK) // too late
		}
		w.Write([]byte("x"))
	}))
	for _, target := range []string{"/v1/runs/1", "/v1/runs/2", "/no/such/thing", "/nor/this"} {
		door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil))
	}
	door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/", nil))
	want(t, scrape(t, m),
		`penstock_door_requests_total{method="GET",origin="product",route="/v1/runs/:run",status="418"} 2`,
		`penstock_door_requests_total{method="GET",origin="product",route="none",status="200"} 2`,
		`penstock_door_requests_total{method="other",origin="product",route="none",status="200"} 1`,
		`penstock_door_request_duration_seconds_count{route="/v1/runs/:run"} 2`,
		`penstock_door_requests_in_flight 0`)
}

// A stream reaches its reader as it is written, through the wrapper.
func TestDoorLetsStreamsThrough(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(NewMetrics("v1").Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("first"))
		w.(http.Flusher).Flush()
		<-release
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Errorf("set a deadline through the wrapping: %v", err)
		}
	})))
	defer server.Close()
	defer close(release)
	r, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	first := make([]byte, 5)
	if _, err := r.Body.Read(first); err != nil || string(first) != "first" {
		t.Errorf("read %q, %v", first, err)
	}
}

func TestRunsAreMeasured(t *testing.T) {
	t.Parallel()
	m := NewMetrics("v1")
	accepted := time.Now()
	attempt := func(number int) *queue.Attempt {
		return &queue.Attempt{
			Spec: queue.Spec{Flow: 69, Queue: "default"}, Number: number,
			Times: queue.Times{Accepted: accepted, Started: accepted.Add(20 * time.Millisecond)},
		}
	}
	ends := []struct {
		number int
		state  queue.State
		cause  error
	}{
		{1, queue.Succeeded, nil}, {1, queue.Failed, nil}, {2, queue.Cancelled, queue.ErrLost},
		{1, queue.Cancelled, queue.ErrDraining}, {1, queue.Succeeded, queue.ErrDraining},
	}
	for _, e := range ends {
		ctx, o := m.Begin(t.Context(), attempt(e.number))
		_, end := o.Step(ctx, flows.StepStart{Step: "find", Kind: "http", In: 3})
		end(flows.StepEnd{Step: "find", Kind: "http", In: 3, Attempts: 4, Replayed: 1, Duration: 30 * time.Millisecond, Err: errors.New("x")})
		o.End(queue.Outcome{State: e.state}, e.cause)
	}
	m.Lost("default")
	m.Repaired("default", "lost")
	m.Slots("default", 8)
	want(t, scrape(t, m),
		`penstock_run_duration_seconds_count{flow="69",outcome="succeeded"} 2`,
		`penstock_run_duration_seconds_count{flow="69",outcome="failed"} 1`,
		`penstock_run_duration_seconds_count{flow="69",outcome="lost"} 1`,
		`penstock_run_duration_seconds_count{flow="69",outcome="handed_back"} 1`,
		`penstock_run_pickup_seconds_bucket{queue="default",le="0.025"} 4`,
		`penstock_run_pickup_seconds_bucket{queue="default",le="0.01"} 0`,
		`penstock_run_restarts_total{flow="69"} 1`,
		`penstock_step_duration_seconds_count{flow="69",kind="http"} 5`,
		`penstock_step_failures_total{flow="69",kind="http"} 5`,
		`penstock_step_retries_total{flow="69",kind="http"} 10`,
		`penstock_step_replays_total{flow="69",kind="http"} 5`,
		`penstock_leases_lost_total{queue="default"} 1`,
		`penstock_runs_mended_total{fault="lost",queue="default"} 1`,
		`penstock_worker_slots{queue="default"} 8`, `penstock_worker_runs{queue="default"} 0`)
}

func TestFlowsWithoutEndShareALabel(t *testing.T) {
	t.Parallel()
	n := newFlowLabels(2)
	var got []string
	for _, flow := range []int64{1, 2, 3, 1, 4} {
		got = append(got, n.label(flow))
	}
	if s := strings.Join(got, " "); s != "1 2 other 1 other" {
		t.Errorf("labels %s", s)
	}
}

func TestQueuesAndRedisAreMeasured(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	conn, err := redisconn.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	m := NewMetrics("v1")
	client, err := queue.NewClient(queue.Config{Redis: conn.With(m.Redis()), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	m.Queues(client, func() []int64 { return []int64{1} }, slog.New(slog.DiscardHandler))
	m.Waiters(client.Waiting)
	ticket, err := client.Submit(t.Context(), queue.Submission{Spec: queue.Spec{Flow: 1, Queue: "slow", Limit: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	scraped := scrape(t, m)
	want(t, scraped,
		`penstock_queues_up 1`, `penstock_queue_tasks{queue="slow",state="pending"} 1`, `penstock_queue_open_runs{queue="slow"} 1`,
		`penstock_queue_paused{queue="slow"} 0`, `penstock_queue_workers{queue="slow"} 0`, `penstock_door_waiters 1`,
		`penstock_queue_waiting_runs{queue="slow"} 0`, `penstock_queue_tasks{queue="slow",state="aggregating"} 0`, `penstock_queue_oldest_run_seconds{queue="slow"} 0`, `penstock_flow_held_runs{flow="1"} 0`,
		`penstock_redis_memory_limit_bytes 0`)
	if !strings.Contains(scraped, `penstock_redis_command_duration_seconds_count{command="pipeline"}`) || strings.Contains(scraped, "\npenstock_redis_errors_total") {
		t.Errorf("of Redis:\n%s", ownMetrics(scraped))
	}
	ticket.Close()
	server.Kill()
	scrape(t, m) // the scrape counts itself in the next one
	scraped = scrape(t, m)
	want(t, scraped, `penstock_queues_up 0`, `penstock_door_waiters 0`)
	if strings.Contains(scraped, "penstock_queue_tasks{") || !strings.Contains(scraped, `penstock_redis_errors_total{reason="connection"}`) {
		t.Errorf("without Redis:\n%s", ownMetrics(scraped))
	}
}

// sharingOnly provides the lines of flows, and nothing else.
type sharingOnly []queue.Sharing

func (s sharingOnly) Sharing(context.Context) ([]queue.Sharing, error)           { return s, nil }
func (sharingOnly) Stats(context.Context) ([]queue.Stats, error)                 { return nil, nil }
func (sharingOnly) Memory(context.Context) (used, limit int64, err error)        { return 0, 0, nil }
func (sharingOnly) PausedRuns(context.Context, []int64) (map[int64]int64, error) { return nil, nil }

// Flows in line have series of their own up to the bound; the others share one.
func TestWhoWaitsIsShown(t *testing.T) {
	t.Parallel()
	m := NewMetrics("v1")
	var lines []queue.Line
	for flow := range int64(maxFlows + 2) {
		lines = append(lines, queue.Line{Flow: flow, Waited: 2, Unwaited: 3, OldestWaited: time.Second, OldestUnwaited: time.Duration(flow) * time.Minute})
	}
	m.Queues(sharingOnly{{Queue: "default", Turns: 7, Lines: lines}}, func() []int64 { return nil }, slog.New(slog.DiscardHandler))
	_, o := m.Begin(t.Context(), &queue.Attempt{Spec: queue.Spec{Flow: 1, Queue: "default"}, Number: 1})
	want(t, scrape(t, m),
		`penstock_queue_turns{queue="default"} 7`, `penstock_worker_flow_runs{flow="1"} 1`,
		`penstock_flow_line_runs{flow="4",waited="true"} 2`, `penstock_flow_line_runs{flow="4",waited="false"} 3`,
		`penstock_flow_line_oldest_seconds{flow="4",waited="true"} 1`, `penstock_flow_line_oldest_seconds{flow="4",waited="false"} 240`,
		`penstock_flow_line_runs{flow="other",waited="true"} 4`, `penstock_flow_line_runs{flow="other",waited="false"} 6`)
	o.End(queue.Outcome{State: queue.Succeeded}, nil)
	want(t, scrape(t, m), `penstock_worker_flow_runs{flow="1"} 0`)
}

func TestReasonsOfRedisErrors(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--maxmemory", "1mb")
	conn, _ := redisconn.Parse(server.URL())
	m := NewMetrics("v1")
	client := conn.With(m.Redis()).Client()
	defer client.Close()
	client.Set(t.Context(), "k", strings.Repeat("x", 1<<20), 0) // does not fit
	client.LPush(t.Context(), "k", "v")
	client.Set(t.Context(), "k", strings.Repeat("x", 1<<20), 0)
	client.Incr(t.Context(), "absent")
	client.Get(t.Context(), "nothing")
	expired, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	client.Ping(expired)
	gone, leave := context.WithCancel(t.Context())
	leave()
	client.Ping(gone) // a caller who disconnected is not an error of Redis
	client.Do(t.Context(), "nosuchcommand")
	scraped := scrape(t, m)
	if !strings.Contains(scraped, `penstock_redis_errors_total{reason="memory"}`) {
		t.Errorf("no error for memory:\n%s", ownMetrics(scraped))
	}
	want(t, scraped, `penstock_redis_errors_total{reason="refused"} 1`, `penstock_redis_errors_total{reason="timeout"} 1`)
}

// Names, units and help follow Prometheus' own linter, which is the one in promtool.
func TestMetricsAreLinted(t *testing.T) {
	t.Parallel()
	m := NewMetrics("v1")
	m.Waiters(func() int { return 1 })
	for _, v := range m.described {
		if strings.TrimSpace(v.Help) == "" || !strings.HasSuffix(v.Help, ".") {
			t.Errorf("%s says %q", v.Name, v.Help)
		}
	}
	m.api.requests.WithLabelValues("r", "GET", "200", "product").Inc()
	m.api.rejections.WithLabelValues("r", "not_found").Inc()
	m.Times(1, "missed", 2)
	m.Parked(1, "delay")
	m.Role("api")
	m.Lost("q")
	m.Repaired("q", "lost")
	m.WebhookTried("delivered", time.Second)
	m.WebhookEndpointDisabled("gone")
	m.redis.failures.WithLabelValues("timeout").Inc()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "penstock_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestServerAnswersSupervisors(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var away error
	s, err := NewServer(ServerConfig{
		Listener: listener, Metrics: NewMetrics("v1"), Log: slog.New(slog.DiscardHandler),
		Ready: func(context.Context) error { return away },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	status := func(path string) int {
		r, err := http.Get("http://" + listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	for path, want := range map[string]int{"/metrics": 200, "/healthz": 200, "/readyz": 200, "/": 404} {
		if got := status(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	away = errors.New("no Redis")
	if got := status("/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz without Redis: %d", got)
	}
	stop()
	if err := <-ran; err != nil {
		t.Errorf("run: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func BenchmarkMiddleware(b *testing.B) {
	m := NewMetrics("v1")
	door := m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = "/v1/runs/:run" }))
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	for b.Loop() {
		door.ServeHTTP(w, r)
	}
}

func BenchmarkRun(b *testing.B) {
	m := NewMetrics("v1")
	a := &queue.Attempt{Spec: queue.Spec{Flow: 69, Queue: "default"}, Number: 1}
	for b.Loop() {
		ctx, o := m.Begin(b.Context(), a)
		for range 3 {
			_, end := o.Step(ctx, flows.StepStart{Kind: "http"})
			end(flows.StepEnd{Kind: "http", In: 1, Attempts: 1})
		}
		o.End(queue.Outcome{State: queue.Succeeded}, nil)
	}
}

// A handler labels its response, and streams are counted while they are open.
func TestAnswersHaveOriginsAndStreamsAreCounted(t *testing.T) {
	t.Parallel()
	m := NewMetrics("v1")
	door := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = r.URL.Path
		switch r.URL.Path {
		case "/events":
			w.Header().Set("Content-Type", "text/event-stream")
			w.Write([]byte("event: x"))
			want(t, scrape(t, m), `penstock_door_streams 1`)
			return
		case "/flow":
			Label(r.Context(), true, "")
		case "/refused":
			Label(r.Context(), false, "replayed")
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	for _, path := range []string{"/events", "/flow", "/refused"} {
		r := httptest.NewRequest(http.MethodPost, path, nil)
		if door.ServeHTTP(httptest.NewRecorder(), r); r.Pattern != path {
			t.Errorf("who wraps the door sees the route %q, not %s", r.Pattern, path)
		}
	}
	Label(t.Context(), true, "outside of a request nothing happens")
	want(t, scrape(t, m),
		`penstock_door_requests_total{method="POST",origin="flow",route="/flow",status="503"} 1`,
		`penstock_door_requests_total{method="POST",origin="product",route="/refused",status="503"} 1`,
		`penstock_door_refusals_total{reason="replayed",route="/refused"} 1`,
		`penstock_door_streams 0`)
}

// Durations of traced requests and runs have the trace as exemplar, for scrapes in the OpenMetrics format.
func TestExemplarsNameTheTrace(t *testing.T) {
	t.Parallel()
	m, tracing := NewMetrics("v1"), newTestTracing(t, newTestCollector(t))
	door := tracing.Middleware(m.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	door.ServeHTTP(httptest.NewRecorder(), r)
	ctx, _ := tracing.Begin(t.Context(), &queue.Attempt{Spec: queue.Spec{Flow: 69, Queue: "default", Trace: map[string]string{"traceparent": "00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}, Number: 1})
	_, o := m.Begin(ctx, &queue.Attempt{Spec: queue.Spec{Flow: 69, Queue: "default"}, Number: 1})
	o.End(queue.Outcome{State: queue.Succeeded}, nil)
	w, scraping := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
	scraping.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	m.Handler().ServeHTTP(w, scraping)
	for name, trace := range map[string]string{
		"penstock_door_request_duration_seconds": "0af7651916cd43dd8448eb211c80319c", "penstock_run_duration_seconds": "1af7651916cd43dd8448eb211c80319c",
		"penstock_run_pickup_seconds": "1af7651916cd43dd8448eb211c80319c",
	} {
		found := false
		for line := range strings.Lines(w.Body.String()) {
			found = found || strings.HasPrefix(line, name+"_bucket") && strings.Contains(line, `# {trace_id="`+trace+`"}`)
		}
		if !found {
			t.Errorf("%s has no exemplar of %s in\n%s", name, trace, w.Body)
		}
	}
}

// Profiles are served when they are switched on, and the command line never is.
func TestProfilesAreServedWhenAskedFor(t *testing.T) {
	t.Parallel()
	for asked, status := range map[bool]int{true: http.StatusOK, false: http.StatusNotFound} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewServer(ServerConfig{Listener: listener, Metrics: NewMetrics("v1"), Log: slog.New(slog.DiscardHandler), Pprof: asked})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]int{"/debug/pprof/heap": status, "/debug/pprof/": status, "/debug/pprof/cmdline": http.StatusNotFound} {
			w := httptest.NewRecorder()
			s.http.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != want {
				t.Errorf("asked for %v: %s is %d, want %d", asked, path, w.Code, want)
			}
		}
		_ = s.Close()
	}
}

package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

func text(r *Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		b.WriteString(string(f.Level) + " " + f.Check + ": " + f.Found + "\n")
	}
	return b.String()
}

// wantFindings fails unless the report contains these lines, each with advice unless it is ok.
func wantFindings(t *testing.T, r *Report, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text(r), line) {
			t.Errorf("no finding %q in\n%s", line, text(r))
		}
	}
	for _, f := range r.Findings {
		if (f.Level == OK) != (f.Advice == "") {
			t.Errorf("%s is %s and advises %q", f.Check, f.Level, f.Advice)
		}
	}
}

func examine(t *testing.T, url string) *Report {
	t.Helper()
	conn, err := redisconn.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	r := &Report{}
	r.Redis(t.Context(), conn)
	return r
}

func TestRedis(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		args  []string
		worst Level
		lines []string
	}{
		{"as it should be", []string{"--appendonly", "yes", "--appendfsync", "always", "--maxmemory", "100mb"}, OK,
			[]string{"ok redis persistence: appendonly, synced always", "noeviction", "ok redis version: ", "ok redis clock: "}},
		{"forgets", []string{"--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, Fail,
			[]string{"fail redis memory: maxmemory-policy is allkeys-lru", "warn redis persistence: synced every second"}},
		{"nothing on disk", nil, Fail, []string{"fail redis persistence: appendonly is off", "warn redis memory: maxmemory is not set"}},
		{"hardly synced", []string{"--appendonly", "yes", "--appendfsync", "no"}, Fail, []string{"fail redis persistence: appendfsync is no"}},
		{"nearly full", []string{"--appendonly", "yes", "--maxmemory", "1mb"}, Warn, []string{"warn redis memory: "}},
		{"keeps to itself", []string{"--appendonly", "yes", "--rename-command", "CONFIG", ""}, Warn, []string{"appendfsync cannot be read"}},
		{"no scripts", []string{"--appendonly", "yes", "--rename-command", "EVAL", ""}, Fail, []string{"fail redis scripts: "}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, testenv.Redis(t, c.args...).URL())
			wantFindings(t, r, c.lines...)
			if r.Worst() != c.worst {
				t.Errorf("worst is %s, want %s:\n%s", r.Worst(), c.worst, text(r))
			}
		})
	}
}

func TestARedisThatIsAwayOrSlowOrAReplica(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--maxmemory", "100mb")
	proxy := testenv.NewProxy(t, server.Addr)
	proxy.Delay(20 * time.Millisecond) // and back
	wantFindings(t, examine(t, "redis://"+proxy.Addr), "fail redis latency: 4")
	proxy.Delay(3 * time.Millisecond)
	wantFindings(t, examine(t, "redis://"+proxy.Addr), "warn redis latency: ")
	host, port, _ := strings.Cut(server.Addr, ":")
	wantFindings(t, examine(t, testenv.Redis(t, "--replicaof", host+" "+port).URL()), "fail redis role: it is a replica")
	r := examine(t, "redis://:hunter2@127.0.0.1:1")
	wantFindings(t, r, "fail redis: does not answer")
	if strings.Contains(text(r), "hunter2") {
		t.Error("a password is shown")
	}
}

func TestEveryPrimaryOfAClusterIsLookedAt(t *testing.T) {
	t.Parallel()
	c := testenv.Cluster(t, "--appendonly", "yes", "--maxmemory", "100mb")
	r := examine(t, c.URL())
	for _, n := range c.Nodes {
		wantFindings(t, r, "ok redis "+n.Addr+" version: ")
	}
	wantFindings(t, r, "ok redis cluster: all slots are served")
	c.Nodes[1].Kill()
	r = examine(t, c.URL())
	if r.Worst() != Fail {
		t.Errorf("a node is dead:\n%s", text(r))
	}
}

func TestClocksApart(t *testing.T) {
	t.Parallel()
	for off, want := range map[time.Duration]Level{time.Millisecond: OK, -3 * time.Second: Warn, time.Minute: Fail} {
		r := &Report{}
		r.skew("clock", off)
		wantFindings(t, r)
		if r.Worst() != want {
			t.Errorf("%v off is %s, want %s", off, r.Worst(), want)
		}
	}
}

type stubFleet struct {
	stats   []queue.Stats
	workers []queue.Worker
	err     error
}

func (f stubFleet) Stats(context.Context) ([]queue.Stats, error)    { return f.stats, f.err }
func (f stubFleet) Workers(context.Context) ([]queue.Worker, error) { return f.workers, f.err }

func TestFleet(t *testing.T) {
	t.Parallel()
	r := &Report{}
	r.Fleet(t.Context(), stubFleet{
		stats: []queue.Stats{
			{Queue: "paused", Paused: true, Pending: 3}, {Queue: "alone", Pending: 2}, {Queue: "late", Workers: 1, Oldest: time.Minute},
			{Queue: "strange", Workers: 1, Archived: 4}, {Queue: "well", Workers: 1, Active: 2},
		},
		workers: []queue.Worker{{ID: "a", About: queue.About{Version: "v1"}}, {ID: "b", About: queue.About{Version: "v2"}}},
	})
	wantFindings(t, r, "warn queue paused: paused, with 3", "fail queue alone: 2 tasks wait and no worker", "warn queue late: a task has waited 1m0s",
		"warn queue strange: 4 tasks", "ok queue well: 0 pending, 2 active", "warn workers: 2 alive, of versions v1, v2")
	for _, c := range []struct {
		stubFleet
		line string
	}{
		{stubFleet{}, "warn workers: none"},
		{stubFleet{workers: []queue.Worker{{ID: "a", Draining: true}}}, "warn workers: 1 alive; drained: a"},
		{stubFleet{workers: []queue.Worker{{ID: "a"}}}, "ok workers: 1 alive"},
		{stubFleet{err: errors.New("x")}, "fail fleet: "},
	} {
		r := &Report{}
		r.Fleet(t.Context(), c.stubFleet)
		wantFindings(t, r, c.line)
	}
}

func TestServer(t *testing.T) {
	t.Parallel()
	status, date := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if date != "" {
			w.Header().Set("Date", date)
		}
		w.WriteHeader(status)
	}))
	look := func() *Report {
		r := &Report{}
		r.Server(t.Context(), server.URL, server.Client())
		return r
	}
	wantFindings(t, look(), "ok front door: http", "ok front door clock: 0s off")
	date = time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	wantFindings(t, look(), "fail front door clock: ")
	status = http.StatusServiceUnavailable
	wantFindings(t, look(), "fail front door: ")
	status = http.StatusNotFound
	wantFindings(t, look(), "answered 404")
	server.Close()
	wantFindings(t, look(), "does not answer")
}

// The connections that a fleet may open are compared with those that Redis accepts.
func TestConnections(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--maxclients", "200")
	client := server.Client()
	door := client.Subscribe(t.Context(), "penstock:{default}:reply:door-1", "penstock:{slow}:reply:door-1")
	defer door.Close()
	if _, err := door.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	one := stubFleet{workers: []queue.Worker{{ID: "a", Queues: []queue.WorkerQueue{{Queue: "default", Slots: 1}, {Queue: "slow", Slots: 1}}}}}
	for perClient, line := range map[int]string{
		10: "ok redis connections: ", 30: "warn redis connections: ",
	} {
		r := &Report{}
		r.Connections(t.Context(), client, one, 0, perClient)
		wantFindings(t, r, line)
		if !strings.Contains(text(r), "1 API processes and 1 workers") || !strings.Contains(text(r), "Redis accepts 200") {
			t.Errorf("%s", text(r))
		}
	}
	r := &Report{}
	r.Connections(t.Context(), client, one, 3, 10) // two that have served no request
	if !strings.Contains(text(r), "3 API processes and 1 workers") {
		t.Errorf("%s", text(r))
	}
	if got := (Processes{APIs: 2, Workers: 3, Served: 4}).maxConnections(30); got != 5*4*30+4*34 {
		t.Errorf("a fleet may open %d", got)
	}
}

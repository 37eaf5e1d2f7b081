//go:build asynq

// Package asynq_test looks at a running Penstock with asynq's own tools: its
// web interface asynqmon and, with the tag asynqcli, its command line.
package asynq_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/testenv"
)

// patience is how long a test waits for what usually takes milliseconds.
const patience = 30 * time.Second

// stand is a Penstock with three runs that wait in a paused queue.
type stand struct {
	redis *testenv.RedisServer
	door  *client.Client
	runs  []string
}

// program is a binary that the script beside this test has built.
func program(t *testing.T, name string) string {
	t.Helper()
	path := os.Getenv("PROGRAMS")
	if path == "" {
		t.Fatal("PROGRAMS is not set: call tests/asynq/run")
	}
	return filepath.Join(path, name)
}

func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{redis: testenv.Redis(t)}
	ready := filepath.Join(t.TempDir(), "ready")
	const word = "correct horse battery staple"
	testenv.Start(t, "penstock", os.Getenv("BINARY"), []string{
		"PENSTOCK_REDIS_URL=" + s.redis.URL(), "PENSTOCK_ADMIN_USER=ann", "PENSTOCK_ADMIN_PASSWORD=" + word,
	}, "dev", "--listen", "127.0.0.1:0", "--data", "none", "--ready-file", ready)
	var url []byte
	testenv.Until(t, "the door is ready", func() bool { url, _ = os.ReadFile(ready); return len(url) > 0 })
	var err error
	if s.door, err = client.New(client.Config{URL: strings.TrimSpace(string(url)), User: "ann", Password: word}); err != nil {
		t.Fatal(err)
	}
	s.start(t, false) // makes the queue known
	if _, err := s.door.Raw(t.Context(), http.MethodPost, "/v1/queues/default/pause", nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.start(t, true)
	}
	return s
}

func (s *stand) start(t *testing.T, async bool) {
	t.Helper()
	run, err := s.door.Start(t.Context(), client.Request{Flow: "hello", Event: []byte(`{"name":"s3cret"}`), Async: async})
	if err != nil {
		t.Fatal(err)
	}
	if async {
		s.runs = append(s.runs, run.ID)
	}
}

// ended wants all runs to succeed.
func (s *stand) ended(t *testing.T) {
	t.Helper()
	for _, id := range s.runs {
		if run, err := s.door.Status(t.Context(), id, patience); err != nil || run.State != "succeeded" {
			t.Errorf("run %s: %+v, %v", id, run, err)
		}
	}
}

// asynqmon starts the stand-alone web interface and returns its address.
func asynqmon(t *testing.T, s *stand, args ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	testenv.Start(t, "asynqmon", program(t, "asynqmon"), nil, append([]string{"--port", port, "--redis-url", s.redis.URL()}, args...)...)
	url := "http://127.0.0.1:" + port
	testenv.Until(t, "asynqmon answers", func() bool {
		r, err := http.Get(url + "/api/queues")
		if err == nil {
			r.Body.Close()
		}
		return err == nil
	})
	return url
}

func get(t *testing.T, url string) map[string]any {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	var o map[string]any
	if err != nil || r.StatusCode != http.StatusOK || json.Unmarshal(text, &o) != nil {
		t.Fatalf("%s: %s, %v: %s", url, r.Status, err, text)
	}
	if strings.Contains(string(text), "s3cret") {
		t.Errorf("%s shows an event: %s", url, text)
	}
	return o
}

func TestAsynqmonShowsAndHoldsOurQueues(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	url := asynqmon(t, s)
	queues := map[string]map[string]any{} // by name
	for _, queue := range get(t, url+"/api/queues")["queues"].([]any) {
		q := queue.(map[string]any)
		queues[q["queue"].(string)] = q
	}
	if len(queues) != 2 || queues["webhooks"] == nil {
		t.Fatalf("queues %v", queues)
	}
	if q := queues["default"]; q["pending"] != 3.0 || q["paused"] != true || q["processed"].(float64) < 1 {
		t.Errorf("queue %v", q)
	}
	tasks := get(t, url+"/api/queues/default/pending_tasks")["tasks"].([]any)
	seen := map[string]bool{}
	for _, task := range tasks {
		task := task.(map[string]any)
		if task["type"] != "run" {
			t.Errorf("task %v", task)
		}
		seen[task["payload"].(string)] = true
	}
	for _, id := range s.runs {
		if !seen[id] {
			t.Errorf("run %s is not among the tasks %v", id, seen)
		}
	}
	if servers := get(t, url+"/api/servers")["servers"].([]any); len(servers) != 2 {
		t.Errorf("servers %v", servers)
	}
	r, err := http.Post(url+"/api/queues/default:resume", "", nil)
	if err != nil || r.StatusCode != http.StatusNoContent {
		t.Fatalf("resume: %v, %v", r, err)
	}
	r.Body.Close()
	s.ended(t)
}

func TestAsynqmonCanBeReadOnly(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	url := asynqmon(t, s, "--read-only")
	get(t, url+"/api/queues/default")
	r, err := http.Post(url+"/api/queues/default:resume", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode < http.StatusBadRequest {
		t.Errorf("a read-only asynqmon resumed a queue: %s", r.Status)
	}
	page, err := http.Get(url + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	if text, _ := io.ReadAll(page.Body); page.StatusCode != http.StatusOK || !strings.Contains(string(text), "<html") {
		t.Errorf("its page: %s", page.Status)
	}
}

// said runs a command and returns what it says.
func said(t *testing.T, name string, args ...string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, text)
	}
	return string(text)
}

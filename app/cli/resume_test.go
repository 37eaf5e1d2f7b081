package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/testenv"
)

// sink is a server that records the calls of effects, and fails those of paths in fails.
type sink struct {
	*httptest.Server
	mu    sync.Mutex
	calls []string // path and Idempotency-Key; guarded by mu
	fails map[string]int
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{fails: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, r.URL.Path+" "+r.Header.Get("Idempotency-Key"))
		if status := s.fails[r.URL.Path]; status != 0 {
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"done":"`+r.URL.Path+`"}`)
	}))
	t.Cleanup(s.Close)
	return s
}

// take returns the calls since the last take.
func (s *sink) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.calls
	s.calls = nil
	return taken
}

func (s *sink) answer(path string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails[path] = status
}

// A payment is made, and the notice of it fails: a run that continues the failed one sends the notice alone, with the
// idempotency keys of the first run.
func TestResumeRepeatsNoEffect(t *testing.T) {
	t.Parallel()
	for name, redis := range map[string]string{"on the embedded store": "", "on a real Redis": testenv.Redis(t).URL()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newSink(t)
			files := t.TempDir()
			flow := `flow: 61
slug: pay
steps:
  - name: charge
    http: {post: "` + to.URL + `/charge", json: {amount: 5}}
  - name: notify
    http: {post: "` + to.URL + `/notify", json: {}}
`
			if err := os.WriteFile(filepath.Join(files, "pay.yaml"), []byte(flow), 0o600); err != nil {
				t.Fatal(err)
			}
			dev := startDev(t, app.Settings{Data: app.NoData, Redis: redis, Flows: files, AdminUser: "ann", AdminPassword: "correct horse battery"})
			cli := func(args ...string) (string, error) {
				var out bytes.Buffer
				root := newRoot(command.Env{app.EnvURL: dev.url, app.EnvUser: "ann", app.EnvPassword: "correct horse battery"}, steps.Catalogue())
				root.SetArgs(args)
				root.SetOut(&out)
				err := root.ExecuteContext(t.Context())
				return out.String(), err
			}
			to.answer("/notify", http.StatusServiceUnavailable)
			if out, err := cli("run", "pay"); err == nil {
				t.Fatalf("the first run succeeded: %s", out)
			}
			first := runsOf(t, cli, `state eq "failed"`)[0]
			if calls := to.take(); len(calls) != 2 || !strings.HasPrefix(calls[0], "/charge ") {
				t.Fatalf("the first run called %q", calls)
			}
			if out, err := cli("runs", "resume", first, "--dry-run", "--json"); err != nil || !strings.Contains(out, `"action": "keep"`) || !strings.Contains(out, `"action": "repeat"`) {
				t.Errorf("plan: %v %s", err, out)
			}
			if calls := to.take(); len(calls) != 0 {
				t.Errorf("a dry run called %q", calls)
			}
			to.answer("/notify", 0)
			if out, err := cli("runs", "resume", first); err != nil || !strings.Contains(out, "/notify") {
				t.Fatalf("resume: %v %s", err, out)
			}
			calls := to.take()
			if len(calls) != 1 || !strings.HasPrefix(calls[0], "/notify "+first) {
				t.Errorf("the second run called %q", calls)
			}
			second := runsOf(t, cli, `resumed_from eq "`+first+`"`)
			if len(second) != 1 {
				t.Fatalf("runs that continue the first: %q", second)
			}
			if out, err := cli("runs", "resume", first); err == nil || !strings.Contains(err.Error(), second[0]) {
				t.Errorf("resumed twice: %v %s", err, out)
			}
			if out, err := cli("runs", "resume", second[0]); err == nil || !strings.Contains(err.Error(), "this one is succeeded") {
				t.Errorf("a run that succeeded was resumed: %v %s", err, out)
			}
		})
	}
}

func runsOf(t *testing.T, cli func(...string) (string, error), filter string) (ids []string) {
	t.Helper()
	out, err := cli("runs", "list", "--filter", filter, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var page struct {
		Items []struct {
			ID string `json:"run_id"`
		}
	}
	if err := json.Unmarshal([]byte(out), &page); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, r := range page.Items {
		ids = append(ids, r.ID)
	}
	return ids
}

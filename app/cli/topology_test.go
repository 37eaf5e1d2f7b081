package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// installation is an API process and its workers on one Redis of any topology.
type installation struct {
	held     atomic.Int64 // requests of the flow "holds"
	t        *testing.T
	settings map[string]string
	door     *childProcess
	workers  []*childProcess
	client   *client.Client
	redis    redis.UniversalClient
}

const testSecret = "correct horse battery staple"

// newInstallation starts an API process and two workers for the queues of its flows. shards names the sharded queues.
func newInstallation(t *testing.T, url string, shards ...string) *installation {
	t.Helper()
	s := &installation{t: t}
	s.settings = map[string]string{
		"PENSTOCK_REDIS_URL":  url,
		"PENSTOCK_MASTER_KEY": base64.StdEncoding.EncodeToString(store.NewMasterKey()),
		"PENSTOCK_API_KEY":    "k", "PENSTOCK_API_SECRET": "s3cret",
		"PENSTOCK_ADMIN_USER": "ann", "PENSTOCK_ADMIN_PASSWORD": testSecret,
		"PENSTOCK_FLOWS": s.writeFlows(), "PENSTOCK_LISTEN": "127.0.0.1:0",
		"PENSTOCK_QUEUES": "default,second,third", "PENSTOCK_SHARDS": strings.Join(shards, ","), "PENSTOCK_ALLOW_PRIVATE_NETWORKS": "true",
	}
	conn, err := redisconn.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	s.redis = conn.Client()
	t.Cleanup(func() { _ = s.redis.Close() })
	s.open()
	for range 2 {
		s.workers = append(s.workers, startChild(t, "worker", s.settings))
	}
	return s
}

// writeFlows returns a directory with flows on three queues, and one, "holds", whose step
// ends in its second attempt: the first request gets no response.
func (s *installation) writeFlows() string {
	t := s.t
	t.Helper()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if s.held.Add(1) == 1 {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(slow.Close)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/topology")); err != nil {
		t.Fatal(err)
	}
	flow := "flow: 5\nslug: holds\ntrigger: webhook\nsteps:\n  - http: {get: " + slow.URL + "}\n"
	if err := os.WriteFile(filepath.Join(dir, "holds.yaml"), []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open starts the API process.
func (s *installation) open() {
	s.t.Helper()
	ready := filepath.Join(s.t.TempDir(), "ready")
	s.door = startChild(s.t, "api", s.settings, "--ready-file", ready)
	s.door.ready(s.t, ready)
	var err error
	if s.client, err = client.New(client.Config{URL: s.door.url, User: "ann", Password: testSecret}); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a flow and requires an output.
func (s *installation) run(flow, want string) *client.Run {
	s.t.Helper()
	run, err := s.client.Start(s.t.Context(), client.Request{Flow: flow, Event: []byte(`{"n":1}`)})
	if err != nil {
		s.t.Fatalf("flow %s: %v", flow, err)
	}
	if got := strings.Join(strings.Fields(string(run.Output)), ""); got != want {
		s.t.Errorf("flow %s put out %s, want %s", flow, got, want)
	}
	return run
}

// checkAPI checks the API, which must work alike on every topology.
func (s *installation) checkAPI() {
	t, ctx := s.t, s.t.Context()
	t.Helper()
	if status, a := call(t, s.door.url, "k", "s3cret", 1, `{"n":1}`); status != http.StatusOK || len(a.Output) != 1 {
		t.Errorf("the SmartSYNC door: %d, %+v", status, a)
	}
	for flow, want := range map[string]string{"first": `[{"n":1}]`, "second": `[{"n":1,"on":2}]`, "third": `[{"n":1,"on":3}]`} {
		s.run(flow, want)
	}
	first, err := s.client.Start(ctx, client.Request{Flow: "first", Event: []byte(`{"n":2}`), IdempotencyKey: "same"})
	again, failed := s.client.Start(ctx, client.Request{Flow: "first", Event: []byte(`{"n":2}`), IdempotencyKey: "same"})
	if err != nil || failed != nil || first.ID != again.ID || !again.Replayed {
		t.Errorf("the same key twice: %+v, %v; %+v, %v", first, err, again, failed)
	}
	parked, err := s.client.Start(ctx, client.Request{Flow: "parks", Async: true})
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	if err := s.client.Watch(ctx, parked.ID, func(client.Event) error { told++; return nil }); err != nil || told < 2 {
		t.Errorf("watching a run told of %d events, %v", told, err)
	}
	if run, err := s.client.Status(ctx, parked.ID, 20*time.Second); err != nil || run.State != "succeeded" {
		t.Errorf("a run that parked: %+v, %v", run, err)
	}
	s.checkQueuePause("second")
	var list struct{ Total int }
	if err := s.client.Call(ctx, http.MethodGet, "/v1/runs", nil, &list); err != nil || list.Total < 6 {
		t.Errorf("the list has %d runs, %v", list.Total, err)
	}
	var workers struct{ Total int }
	if err := s.client.Call(ctx, http.MethodGet, "/v1/workers", nil, &workers); err != nil || workers.Total != 2 {
		t.Errorf("the list has %d workers, %v", workers.Total, err)
	}
}

// checkQueuePause pauses a queue, cancels a waiting run, and resumes the queue.
func (s *installation) checkQueuePause(flow string) {
	t, ctx := s.t, s.t.Context()
	t.Helper()
	if _, err := s.client.Raw(ctx, http.MethodPost, "/v1/queues/"+flow+"/pause", nil); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 2 {
		run, err := s.client.Start(ctx, client.Request{Flow: flow, Event: []byte(`{}`), Async: true})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, run.ID)
	}
	if _, err := s.client.Raw(ctx, http.MethodPost, "/v1/runs/"+ids[0]+"/cancel", nil); err != nil {
		t.Errorf("cancel: %v", err)
	}
	if _, err := s.client.Raw(ctx, http.MethodPost, "/v1/queues/"+flow+"/resume", nil); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"cancelled", "succeeded"} {
		if run, err := s.client.Status(ctx, ids[i], 20*time.Second); err != nil || run.State != want {
			t.Errorf("run %d of a paused queue: %+v, %v; want %s", i, run, err, want)
		}
	}
}

// checkWorkerLoss kills a worker during a run, which another worker must end.
func (s *installation) checkWorkerLoss() {
	t := s.t
	t.Helper()
	run, err := s.client.Start(t.Context(), client.Request{Flow: "holds", Async: true})
	if err != nil {
		t.Fatal(err)
	}
	var workers struct {
		Items []struct {
			PID  int
			Runs []struct {
				ID string `json:"run_id"`
			}
		}
	}
	victim := 0
	testenv.Until(t, "a worker has the run", func() bool {
		if err := s.client.Call(t.Context(), http.MethodGet, "/v1/workers", nil, &workers); err != nil {
			return false
		}
		for _, w := range workers.Items {
			if len(w.Runs) == 1 && w.Runs[0].ID == run.ID {
				victim = w.PID
			}
		}
		return victim != 0 && s.held.Load() == 1 // killed before its request, it would leave the first request to the second attempt
	})
	for _, w := range s.workers {
		if w.cmd.Process.Pid == victim {
			_ = w.cmd.Process.Kill()
			_ = w.cmd.Wait()
		}
	}
	if ended, err := s.client.Status(t.Context(), run.ID, 30*time.Second); err != nil || ended.State != "succeeded" || ended.Attempt != 2 {
		t.Errorf("the run of a killed worker: %+v, %v", ended, err)
	}
}

func TestOnOneServer(t *testing.T) {
	t.Parallel()
	s := newInstallation(t, testenv.Redis(t, "--appendonly", "yes").URL())
	s.checkAPI()
	s.checkWorkerLoss()
}

func TestOnSentinel(t *testing.T) {
	t.Parallel()
	needsMinutes(t)
	s := newInstallation(t, testenv.Sentinel(t, time.Second, "--appendonly", "yes").URL())
	s.checkAPI()
	s.checkWorkerLoss()
}

// The queues are on different primaries of three; one of them is sharded over all.
func TestOnACluster(t *testing.T) {
	t.Parallel()
	needsMinutes(t)
	c := testenv.Cluster(t, "--appendonly", "yes", "--appendfsync", "always")
	s := newInstallation(t, c.URL(), "default=6", "second=3")
	s.checkAPI()
	s.checkWorkerLoss()
	held := 0
	for _, n := range c.Nodes {
		if keys, err := n.Client().Keys(t.Context(), "penstock:{*}:index").Result(); err == nil && len(keys) > 0 {
			held++
		}
	}
	if held < 2 {
		t.Errorf("all queues live on %d primary", held)
	}
}

// A primary of a Cluster is killed under load and restarted from its file: no accepted run is lost, and callers that
// retry get a response.
func TestAPrimaryOfAClusterComesBack(t *testing.T) {
	t.Parallel()
	needsMinutes(t)
	c := testenv.Cluster(t, "--appendonly", "yes", "--appendfsync", "always")
	s := newInstallation(t, c.URL())
	s.run("first", `[{"n":1}]`)
	var accepted sync.Map
	var next, answered, repeated atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	patient, give := context.WithTimeout(t.Context(), time.Minute) // the API process itself waits for the primary
	defer give()
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for ctx.Err() == nil {
				key := fmt.Sprint("call-", next.Add(1))
				for {
					run, err := s.client.Start(patient, client.Request{Flow: "first", Event: []byte(`{"n":1}`), IdempotencyKey: key})
					if err == nil {
						accepted.Store(run.ID, true)
						answered.Add(1)
						break
					}
					var answer *client.Error
					if errors.As(err, &answer) && answer.Status < 500 || patient.Err() != nil {
						t.Errorf("%s: %v", key, err)
						break
					}
					repeated.Add(1)
				}
			}
		})
	}
	testenv.Until(t, "200 calls have been answered", func() bool { return answered.Load() >= 200 })
	killed := false
	for _, n := range c.Nodes {
		if keys, err := n.Client().Keys(t.Context(), "penstock:{default}:*").Result(); err == nil && len(keys) > 0 {
			n.Kill()
			time.AfterFunc(time.Second, n.Restart)
			killed = true
			break
		}
	}
	if !killed {
		t.Error("no primary has the queue")
	}
	before := answered.Load()
	testenv.Until(t, "calls are answered again", func() bool { return answered.Load() > before+200 })
	stop()
	load.Wait()
	lost := 0
	accepted.Range(func(id, _ any) bool {
		if run, err := s.client.Status(t.Context(), id.(string), 0); err != nil || run.State != "succeeded" {
			lost++
		}
		return true
	})
	t.Logf("%d calls were answered, after %d repetitions; %d runs lost", answered.Load(), repeated.Load(), lost)
	if lost > 0 {
		t.Errorf("%d runs that were accepted are lost", lost)
	}
}

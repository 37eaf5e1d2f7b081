package cli

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/penstock/penstock/app/cli/directstore"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// sealedSettings returns the settings of processes with flow 6, which needs a connection, and that connection.
func sealedSettings(t *testing.T, url string) (settings map[string]string, connection map[string]any) {
	t.Helper()
	crm := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, word, _ := r.BasicAuth(); word != "w0rd" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"found":true}`))
	}))
	t.Cleanup(crm.Close)
	dir := t.TempDir()
	flow := "flow: 6\nslug: uses\ntrigger: webhook\nsteps:\n  - http: {get: " + crm.URL + ", connection: crm}\n    on_error: continue\n" +
		"  - transform: '{found: .body.found}'\n"
	if err := os.WriteFile(filepath.Join(dir, "uses.yaml"), []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
			"PENSTOCK_REDIS_URL": url, "PENSTOCK_MASTER_KEY_SETTLE": "1s", "PENSTOCK_LINGER": "500ms",
			"PENSTOCK_API_KEY": "k", "PENSTOCK_API_SECRET": "s3cret", "PENSTOCK_ADMIN_USER": "ann", "PENSTOCK_ADMIN_PASSWORD": testSecret,
			"PENSTOCK_FLOWS": dir, "PENSTOCK_LISTEN": "127.0.0.1:0", "PENSTOCK_ALLOW_PRIVATE_NETWORKS": "true",
		}, map[string]any{
			"type": "basic", "hosts": []string{crm.URL}, "settings": map[string]string{"username": "u", "password": "w0rd"},
		}
}

func setting(keys ...[]byte) string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = base64.StdEncoding.EncodeToString(k)
	}
	return strings.Join(all, ",")
}

// startSealedAPI starts an API process with master keys.
func startSealedAPI(t *testing.T, settings map[string]string, keys ...[]byte) (*childProcess, *client.Client) {
	t.Helper()
	settings["PENSTOCK_MASTER_KEY"] = setting(keys...)
	ready := filepath.Join(t.TempDir(), "ready")
	p := startChild(t, "api", settings, "--ready-file", ready)
	p.ready(t, ready)
	c, err := client.New(client.Config{URL: p.url, User: "ann", Password: testSecret})
	if err != nil {
		t.Fatal(err)
	}
	return p, c
}

func startSealedWorker(t *testing.T, settings map[string]string, keys ...[]byte) *childProcess {
	t.Helper()
	settings["PENSTOCK_MASTER_KEY"] = setting(keys...)
	return startChild(t, "worker", settings)
}

// Two API processes and a worker get a new master key and lose the old one, one process at a time, under load. No
// request and no run fails.
func TestRotatingTheMasterKeyFailsNothing(t *testing.T) {
	t.Parallel()
	needsMinutes(t)
	redis := testenv.Redis(t, "--appendonly", "yes")
	settings, connection := sealedSettings(t, redis.URL())
	k1, k2 := store.NewMasterKey(), store.NewMasterKey()
	doors, clients := make([]*childProcess, 2), make([]*client.Client, 2)
	for i := range doors {
		doors[i], clients[i] = startSealedAPI(t, settings, k1)
	}
	worker := startSealedWorker(t, settings, k1)
	if err := clients[0].Call(t.Context(), http.MethodPut, "/v1/connections/crm", connection, nil); err != nil {
		t.Fatal(err)
	}
	var urls atomic.Pointer[[]string] // of the front doors that the balancer sends to
	send := func(all ...*childProcess) {
		to := make([]string, len(all))
		for i, p := range all {
			to[i] = p.url
		}
		urls.Store(&to)
	}
	send(doors...)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var calls atomic.Int64
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				to := *urls.Load()
				n := calls.Add(1) // in the body: the same request again would be a replay
				status, a := call(t, to[int(n)%len(to)], "k", "s3cret", 6, fmt.Sprintf(`{"n":%d}`, n))
				if status != http.StatusOK || len(a.Output) != 1 || a.Output[0]["found"] != true {
					t.Errorf("a call got %d, %+v", status, a)
				}
			}
		})
	}
	some := func() {
		t.Helper()
		before := calls.Load()
		testenv.Until(t, "fifty more calls", func() bool { return calls.Load() > before+50 })
	}
	restart := func(keys ...[]byte) {
		t.Helper()
		for i := range doors {
			old := doors[i]
			next, c := startSealedAPI(t, settings, keys...)
			doors[i], clients[i] = next, c
			send(doors...)
			old.end(t)
			some()
		}
		old := worker
		worker = startSealedWorker(t, settings, keys...)
		old.end(t)
		some()
	}
	some()
	restart(k2, k1)
	conn, err := redisconn.Parse(redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	look, err := directstore.Open(t.Context(), conn, [][]byte{k2, k1}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	testenv.Until(t, "everything is sealed under the new key", func() bool {
		sealed, err := look.SealedUnder(t.Context())
		return err == nil && len(sealed) == 1 && sealed[look.FirstKey()] > 0
	})
	some()
	restart(k2)
	stop()
	load.Wait()
	t.Logf("%d calls", calls.Load())
}

// A worker with a wrong master key logs it, is not ready, and takes no runs, so that these lose no attempt.
func TestAWorkerWithAnotherMasterKey(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	settings, connection := sealedSettings(t, redis.URL())
	right := store.NewMasterKey()
	_, c := startSealedAPI(t, settings, right)
	if err := c.Call(t.Context(), http.MethodPut, "/v1/connections/crm", connection, nil); err != nil {
		t.Fatal(err)
	}
	settings["PENSTOCK_METRICS_LISTEN"] = "127.0.0.1:0"
	wrong := startSealedWorker(t, settings, store.NewMasterKey())
	delete(settings, "PENSTOCK_METRICS_LISTEN")
	testenv.Until(t, "the metrics of the wrong worker", func() bool { return metricsOf(wrong) != "" })
	base := metricsOf(wrong)
	testenv.Until(t, "the wrong worker is not ready", func() bool { status, _ := fetch(t, base+"/readyz"); return status == http.StatusServiceUnavailable })
	run, err := c.Start(t.Context(), client.Request{Flow: "uses", Async: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, metrics := fetch(t, base+"/metrics"); !strings.Contains(metrics, "\npenstock_store_ready 0") || strings.Contains(metrics, "\npenstock_store_unopened_records 0") {
		t.Error("the metrics do not say that secrets cannot be opened")
	}
	startSealedWorker(t, settings, right)
	done, err := c.Status(t.Context(), run.ID, testTimeout)
	if err != nil || done.State != "succeeded" || !strings.Contains(string(done.Output), "true") {
		t.Errorf("the run: %+v, %v", done, err)
	}
	said := wrong.output()
	if !strings.Contains(said, "connection/crm") || !strings.Contains(said, "takes no work") {
		t.Errorf("the wrong worker does not say which record: %s", said)
	}
	if strings.Contains(said, "w0rd") {
		t.Error("it says the secret")
	}
}

// After Redis was emptied, the processes create again what the settings define, without a restart.
func TestRedisIsEmptied(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	s := newInstallation(t, redis.URL())
	if status, a := call(t, s.door.url, "k", "s3cret", 1, `{"n":1}`); status != http.StatusOK {
		t.Fatalf("before: %d, %+v", status, a)
	}
	if err := s.redis.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	// Until the loss is noticed a call may be answered from memory.
	testenv.Until(t, "the loss is told", func() bool { return strings.Contains(s.door.output(), "gone back to an earlier state") })
	testenv.Until(t, "the users and keys of the settings exist again", func() bool {
		return strings.Contains(s.door.output(), "the store is restored to what the settings make exist")
	})
	testenv.Until(t, "a call after the loss", func() bool {
		status, _ := call(t, s.door.url, "k", "s3cret", 1, `{"n":1}`)
		return status == http.StatusOK
	})
	if err := s.client.Call(t.Context(), http.MethodGet, "/v1/flows", nil, nil); err != nil {
		t.Errorf("the administrator: %v", err)
	}
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Sprint(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// metricsOf returns the base URL of a process's metrics from its log; empty: not logged yet.
func metricsOf(p *childProcess) string {
	_, rest, _ := strings.Cut(p.output(), `"msg":"metrics","url":"`)
	url, _, found := strings.Cut(rest, `/metrics"`)
	if !found {
		return ""
	}
	return url
}

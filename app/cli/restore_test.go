package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/testenv"
)

// The back-up described in docs/operations-maintenance.md works: a Redis started on a copy of the append-only file has
// the ended runs and the credentials, and continues the open runs.
func TestRestore(t *testing.T) {
	t.Parallel()
	needsMinutes(t)
	old := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := newInstallation(t, old.URL())
	ended := s.run("first", `[{"n":1}]`)
	s.run("second", `[{"n":1,"on":2}]`)
	if _, err := s.client.Raw(t.Context(), http.MethodPost, "/v1/queues/second/pause", nil); err != nil {
		t.Fatal(err)
	}
	open, err := s.client.Start(t.Context(), client.Request{Flow: "second", Event: []byte(`{"n":7}`), Async: true})
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "appendonlydir"), os.DirFS(filepath.Join(old.Dir, "appendonlydir"))); err != nil {
		t.Fatal(err)
	}
	for _, p := range append(s.workers, s.door) {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	old.Kill()

	s.settings["PENSTOCK_REDIS_URL"] = testenv.Redis(t, "--dir", dir, "--appendonly", "yes").URL()
	s.open()
	startChild(t, "worker", s.settings)
	if run, err := s.client.Status(t.Context(), ended.ID, 0); err != nil || run.State != "succeeded" || len(run.Output) == 0 {
		t.Errorf("a run that had ended: %+v, %v", run, err)
	}
	if status, a := call(t, s.door.url, "k", "s3cret", 1, `{"n":1}`); status != http.StatusOK {
		t.Errorf("with the key from before: %d, %+v", status, a)
	}
	if run, err := s.client.Status(t.Context(), open.ID, 0); err != nil || run.State != "queued" {
		t.Errorf("a run in a paused queue: %+v, %v", run, err)
	}
	if _, err := s.client.Raw(t.Context(), http.MethodPost, "/v1/queues/second/resume", nil); err != nil {
		t.Fatal(err)
	}
	if run, err := s.client.Status(t.Context(), open.ID, 30*time.Second); err != nil || run.State != "succeeded" {
		t.Errorf("a run that had not ended: %+v, %v", run, err)
	}
}

package cli

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// `penstock server --redis start` executes runs, Ctrl-C stops all its processes in order, and a restart has the data
// again.
func TestServerWithARedisOfItsOwn(t *testing.T) {
	t.Parallel()
	data, ready := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "ready")
	settings := map[string]string{"PENSTOCK_API_KEY": "k", "PENSTOCK_API_SECRET": "s3cret", "PENSTOCK_LISTEN": "127.0.0.1:0", "PENSTOCK_DATA": data}
	first := startChild(t, "server", settings, "--redis", "start", "--flows", "testdata/flows", "--ready-file", ready)
	first.ready(t, ready)
	if status, a := call(t, first.url, "k", "s3cret", 71, `{}`); status != http.StatusOK || !a.Success {
		t.Errorf("status %d, %+v", status, a)
	}
	second := startChild(t, "server", settings, "--redis", "start")
	if err := second.cmd.Wait(); err == nil || !strings.Contains(second.log.String(), "is in use by the redis-server with process id") {
		t.Errorf("a second one on the same data: %v: %s", err, second.log.String())
	}
	first.end(t)
	if said := first.log.String(); strings.Contains(said, "s3cret") || strings.Contains(said, `"level":"ERROR"`) {
		t.Errorf("the log holds a secret or an error:\n%s", said)
	}

	ready += "2"
	again := startChild(t, "server", settings, "--redis", "start", "--ready-file", ready) // its flows are kept
	again.ready(t, ready)
	if status, a := call(t, again.url, "k", "s3cret", 71, `{"n": 2}`); status != http.StatusOK || !a.Success {
		t.Errorf("after a restart: status %d, %+v", status, a)
	}
	again.end(t)
}

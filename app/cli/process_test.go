package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// childProcess is the program as a child: the test binary under another name.
type childProcess struct {
	cmd *exec.Cmd
	log logBuffer
	url string
}

// logBuffer collects the output of a child. Safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// output returns what the child has logged so far.
func (p *childProcess) output() string { return p.log.String() }

// startChild starts a child, which is killed at the end of the test. Its settings are in the environment, as in
// production.
func startChild(t *testing.T, role string, settings map[string]string, args ...string) *childProcess {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &childProcess{}
	p.cmd = exec.CommandContext(context.Background(), self, append([]string{role}, args...)...)
	p.cmd.Args[0] = "penstock"
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range settings {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", role, p.log.String())
		}
	})
	return p
}

// ready waits for the ready file of the child.
func (p *childProcess) ready(t *testing.T, file string) {
	t.Helper()
	testenv.Until(t, "the front door is ready", func() bool {
		content, err := os.ReadFile(file)
		p.url = strings.TrimSpace(string(content))
		return err == nil
	})
}

// end sends SIGTERM and requires a successful exit.
func (p *childProcess) end(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// startFleet starts an API process and a worker on a Redis.
func startFleet(t *testing.T) (door, worker *childProcess, queue *redis.Client) {
	t.Helper()
	server := testenv.Redis(t, "--appendonly", "yes")
	settings := map[string]string{
		"PENSTOCK_REDIS_URL":  server.URL(),
		"PENSTOCK_MASTER_KEY": base64.StdEncoding.EncodeToString(store.NewMasterKey()),
		"PENSTOCK_API_KEY":    "k", "PENSTOCK_API_SECRET": "s3cret",
		"PENSTOCK_FLOWS": "testdata/flows", "PENSTOCK_LISTEN": "127.0.0.1:0",
	}
	ready := filepath.Join(t.TempDir(), "ready")
	door = startChild(t, "api", settings, "--ready-file", ready)
	worker = startChild(t, "worker", settings)
	door.ready(t, ready)
	return door, worker, server.Client()
}

func TestProcesses(t *testing.T) {
	t.Parallel()
	door, worker, _ := startFleet(t)
	status, a := call(t, door.url, "k", "s3cret", 71, `{"a": 1}`)
	if status != http.StatusOK || len(a.Output) != 1 || a.Output[0]["done"] != true {
		t.Errorf("status %d, %+v", status, a)
	}
	health := startChild(t, "health", map[string]string{"PENSTOCK_LISTEN": strings.TrimPrefix(door.url, "http://")})
	if err := health.cmd.Wait(); err != nil {
		t.Errorf("health: %v: %s", err, health.log.String())
	}
	worker.end(t)
	door.end(t)
	for _, p := range []*childProcess{door, worker} {
		if said := p.log.String(); strings.Contains(said, "s3cret") {
			t.Errorf("the log holds a secret:\n%s", said)
		}
	}
}

// A door that is told to stop answers who waits first.
func TestSIGTERMWhileSomebodyWaits(t *testing.T) {
	t.Parallel()
	door, _, queue := startFleet(t)
	var waiter sync.WaitGroup
	waiter.Go(func() {
		if status, a := call(t, door.url, "k", "s3cret", 71, `{}`); status != http.StatusOK || !a.Success {
			t.Errorf("the waiter got %d, %+v", status, a)
		}
	})
	testenv.Until(t, "the run has begun", func() bool {
		for _, run := range queue.Keys(t.Context(), "penstock:{default}:run:*").Val() {
			if queue.HGet(t.Context(), run, "state").Val() == "running" {
				return true
			}
		}
		return false
	})
	door.end(t)
	waiter.Wait()
}

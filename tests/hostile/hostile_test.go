//go:build hostile && linux

// Package hostile sends memory bombs to a worker that has 1 GB and to good
// callers' flows beside them.
package hostile

import (
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"penstock/internal/bombs"
	"penstock/internal/store"
	"penstock/internal/testenv"
)

var copies = flag.Int("copies", 64, "bombs at once")

const memory = 1 << 30 // bytes that the worker may have

// TestWorkerSurvives sends all bombs at once, again and again, while 50 good
// callers a second want an answer.
func TestWorkerSurvives(t *testing.T) {
	server := httptest.NewServer(bombs.Handler())
	t.Cleanup(server.Close)
	dir := t.TempDir()
	binary := filepath.Join(dir, "penstock")
	if out, err := exec.Command("go", "build", "-o", binary, "penstock/cmd/penstock").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	names := writeFlows(t, dir, server.URL)
	const key, secret = "hostile", "a-secret-of-the-tests"
	env := []string{
		"PENSTOCK_REDIS_URL=" + testenv.Redis(t).URL(), "PENSTOCK_ALLOW_PRIVATE_NETWORKS=true",
		"PENSTOCK_MASTER_KEY=" + base64.StdEncoding.EncodeToString(store.NewMasterKey()),
		"PENSTOCK_ADMIN_USER=admin", "PENSTOCK_ADMIN_PASSWORD=" + secret, "PENSTOCK_API_KEY=" + key, "PENSTOCK_API_SECRET=" + secret,
	}
	ready := filepath.Join(dir, "ready")
	testenv.Start(t, "api", binary, env, "api", "--listen", "127.0.0.1:0", "--ready-file", ready, "--flows", filepath.Join(dir, "flows"))
	worker := testenv.Start(t, "worker", binary, append(env, "GOMEMLIMIT="+strconv.Itoa(memory/100*85)), "worker", "--concurrency", strconv.Itoa(*copies+16), "--sqlite", dir)
	// Physical memory is what a control group counts. This limit is of what is mapped, which on a heap with holes is more.
	limit := unix.Rlimit{Cur: 2 * memory, Max: 2 * memory}
	if err := unix.Prlimit(worker.Pid(), unix.RLIMIT_DATA, &limit, nil); err != nil {
		t.Fatal(err)
	}
	url := ""
	for range 600 {
		text, _ := os.ReadFile(ready)
		if url = strings.TrimSpace(string(text)); url != "" {
			break
		}
		time.Sleep(50 * time.Millisecond) // until the process has written its file
	}
	call := func(flow, query string) (int, string) {
		req, _ := http.NewRequest("POST", url+"/v1/flows/"+flow+"/runs"+query, strings.NewReader(`{}`))
		req.SetBasicAuth("admin", secret)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	if status, body := call("good", ""); status != 200 {
		t.Fatalf("the good flow: %d %s", status, body)
	}
	answers := map[string]int{}
	var mu sync.Mutex
	var bad sync.WaitGroup
	for i := range *copies {
		bad.Go(func() {
			name := names[i%len(names)]
			status, body := call("memory-"+name, "")
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprintf("%s: %d %.120s", name, status, body)]++
		})
	}
	done := make(chan struct{})
	go func() { bad.Wait(); close(done) }()
	var good sync.WaitGroup
	var took []time.Duration
	failed := 0
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for going := true; going; {
		select {
		case <-done:
			going = false
		case <-ticker.C:
			good.Go(func() {
				begun := time.Now()
				status, _ := call("good", "")
				mu.Lock()
				defer mu.Unlock()
				if took = append(took, time.Since(begun)); status != 200 {
					failed++
				}
			})
		}
	}
	good.Wait()
	select {
	case <-worker.Ended():
		t.Fatalf("the worker died:\n%s", worker.Log())
	default:
	}
	slices.Sort(took)
	if peak(worker.Pid()) > memory {
		t.Errorf("the worker had %d MiB", peak(worker.Pid())>>20)
	}
	t.Logf("%d good calls, %d failed, median %v, p99 %v, peak of the worker %d MiB", len(took), failed, took[len(took)/2], took[len(took)*99/100], peak(worker.Pid())>>20)
	for answer, n := range answers {
		t.Logf("%d × %s", n, answer)
		if !strings.Contains(answer, "problem-limit") && !strings.Contains(answer, ": 200 ") { // one that has the room may succeed
			t.Errorf("%s: neither a limit nor an output", answer)
		}
	}
	if failed > 0 {
		t.Errorf("%d good calls failed", failed)
	}
}

// writeFlows puts the bombs that need no connection and a good flow where the
// api reads them, and returns the bombs' names.
func writeFlows(t *testing.T, dir, url string) []string {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "flows"), 0o755); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("../../flows/testdata/hostile/memory/*.yaml")
	var names []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "connection:") {
			continue
		}
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".yaml"))
		write(t, filepath.Join(dir, "flows", filepath.Base(file)), strings.ReplaceAll(string(source), "http://127.0.0.1:8082", url))
	}
	write(t, filepath.Join(dir, "flows", "good.yaml"), "flow: 9000\nslug: good\nname: good\ntrigger: webhook\nsteps:\n  - transform: '{ok: true}'\n")
	return names
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// peak is the most physical memory that a process had, bytes.
func peak(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kibibytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kibibytes << 10
		}
	}
	return memory + 1 // not known
}

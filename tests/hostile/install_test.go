//go:build hostile && linux

package hostile

import (
	"encoding/base64"
	"encoding/json"
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

	"github.com/penstock/penstock/internal/bombs"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

const key, secret = "hostile", "a-secret-of-the-tests"

const good = 9100 // number of the good flow

// installation is a front door and a worker with little memory.
type installation struct {
	url    string
	bombs  []string // names of the hostile flows
	client *http.Client
	worker *testenv.Child
	group  *group // nil: there is none
}

// install builds and starts everything, and ends it with the test.
func install(t *testing.T) *installation {
	t.Helper()
	server := httptest.NewServer(bombs.Prepared()) // making them takes the processor from those who are measured
	t.Cleanup(server.Close)
	dir := t.TempDir()
	binary := *built
	if binary == "" {
		binary = filepath.Join(dir, "penstock")
		if out, err := exec.Command("go", "build", "-o", binary, "github.com/penstock/penstock/cmd/penstock").CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	i := &installation{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * *copies}}}
	i.bombs = writeFlows(t, dir, server.URL)
	env := []string{
		"PENSTOCK_REDIS_URL=" + testenv.Redis(t).URL(), "PENSTOCK_ALLOW_PRIVATE_NETWORKS=true",
		"PENSTOCK_MASTER_KEY=" + base64.StdEncoding.EncodeToString(store.NewMasterKey()),
		"PENSTOCK_ADMIN_USER=admin", "PENSTOCK_ADMIN_PASSWORD=" + secret, "PENSTOCK_API_KEY=" + key, "PENSTOCK_API_SECRET=" + secret,
	}
	ready := filepath.Join(dir, "ready")
	testenv.Start(t, "api", binary, env, "api", "--listen", "127.0.0.1:0", "--ready-file", ready, "--flows", filepath.Join(dir, "flows"))
	i.startWorker(t, binary, env, dir)
	for range 600 {
		text, _ := os.ReadFile(ready)
		if i.url = strings.TrimSpace(string(text)); i.url != "" {
			break
		}
		time.Sleep(50 * time.Millisecond) // until the process has written its file
	}
	status, body := i.send("PUT", "/v1/connections/files", `{"type":"sqlite","settings":{"file":"bombs.db","max_connections":"64"}}`)
	if status != 200 {
		t.Fatalf("the connection: %d %s", status, body)
	}
	return i
}

// startWorker starts the worker in a control group, from which it learns how
// much it may use, or with a limit of what it may map.
func (i *installation) startWorker(t *testing.T, binary string, env []string, dir string) {
	t.Helper()
	args := []string{"worker", "--concurrency", strconv.Itoa(*copies + 16), "--sqlite", dir}
	if i.group = newGroup(t, memory); i.group != nil {
		path, args := i.group.command(binary, args...)
		i.worker = testenv.Start(t, "worker", path, env, args...)
		return
	}
	i.worker = testenv.Start(t, "worker", binary, append(env, "GOMEMLIMIT="+strconv.Itoa(memory/100*85)), args...)
	// This limit is of what is mapped, which on a heap with holes is more than what a control group counts.
	limit := unix.Rlimit{Cur: 2 * memory, Max: 2 * memory}
	if err := unix.Prlimit(i.worker.Pid(), unix.RLIMIT_DATA, &limit, nil); err != nil {
		t.Fatal(err)
	}
	t.Log("no control group can be made here: the worker's limit is RLIMIT_DATA")
}

// alive fails the test if the worker has died, and says what it needed.
func (i *installation) alive(t *testing.T) {
	t.Helper()
	select {
	case <-i.worker.Ended():
		t.Fatalf("the worker died:\n%s", i.worker.Log())
	default:
	}
	resident := peak(i.worker.Pid())
	t.Logf("the worker had up to %d MiB", resident>>20)
	if resident > memory {
		t.Errorf("more than its %d MiB", memory>>20)
	}
	said := i.worker.Log()
	t.Logf("%d times no room for new runs, %d runs had to end", strings.Count(said, `"room":false`), strings.Count(said, "the run that holds most ends"))
	t.Logf("good runs in the worker's log: %s in the queue, %s in the worker", logged(said, "queued_ms"), logged(said, "took_ms"))
	if i.group == nil {
		return
	}
	most, err := i.group.most()
	if err != nil {
		t.Error(err)
	}
	t.Logf("its control group had up to %d MiB of %d, the pages of files that were read included", most>>20, memory>>20)
}

// logged is a figure of the good runs in the worker's log, milliseconds.
func logged(said, name string) string {
	var all []float64
	for line := range strings.Lines(said) {
		entry := map[string]any{}
		if json.Unmarshal([]byte(line), &entry) != nil || entry["flow"] != float64(good) {
			continue
		}
		if n, ok := entry[name].(float64); ok {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return fmt.Sprintf("median %.1f ms, p99 %.1f ms", all[len(all)/2], all[len(all)*99/100])
}

// call starts a run and waits for its end.
func (i *installation) call(flow string) (int, string) {
	return i.send("POST", "/v1/flows/"+flow+"/runs", `{}`)
}

// pace calls the good flow so often, as fast as good callers do, and says how
// long that takes.
func (i *installation) pace(n int) string {
	took := make([]time.Duration, n)
	var all sync.WaitGroup
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for k := range took {
		<-ticker.C
		all.Go(func() {
			begun := time.Now()
			i.call("good")
			took[k] = time.Since(begun)
		})
	}
	all.Wait()
	slices.Sort(took)
	return fmt.Sprintf("median %v, p99 %v", took[n/2], took[n*99/100])
}

func (i *installation) send(method, path, body string) (int, string) {
	req, err := http.NewRequest(method, i.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	req.SetBasicAuth("admin", secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := i.client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(content)
}

// writeFlows puts the bombs and a good flow where the api reads them, and
// returns the bombs' names.
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
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".yaml"))
		write(t, filepath.Join(dir, "flows", filepath.Base(file)), strings.ReplaceAll(string(source), "http://127.0.0.1:8082", url))
	}
	write(t, filepath.Join(dir, "flows", "good.yaml"), "flow: "+strconv.Itoa(good)+"\nslug: good\nname: good\ntrigger: webhook\nsteps:\n  - transform: '{ok: true}'\n")
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
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kibibytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kibibytes << 10
		}
	}
	return memory + 1 // not known
}

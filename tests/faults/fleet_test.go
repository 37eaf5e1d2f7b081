//go:build faults || soak

package faults

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

const (
	apiKey, apiSecret        = "faults", "a-secret-of-the-tests"
	adminUser, adminPassword = "ann", "a-password-of-the-tests"

	queueName = "default"
	limit     = 60 * time.Second // of every flow of the tests
	lease     = 4 * time.Second  // of a worker, see queue.ServerConfig

	startLimit = 30 * time.Second // of a process
	drainLimit = 35 * time.Second // of a process that is told to stop
)

// fleet are the processes of one product.
type fleet struct {
	t   testing.TB
	env []string
	dir string // of ready files

	flows string // directory of the flows

	mu      sync.Mutex // guards the rest
	apis    []*door
	workers []*testenv.Child
	started int
}

// door is an api process.
type door struct {
	*testenv.Child
	url string
}

// newFleet starts apis and workers on a Redis.
func newFleet(t testing.TB, redisURL string, apis, workers int, env ...string) *fleet {
	t.Helper()
	flows, err := filepath.Abs("testdata/flows")
	if err != nil {
		t.Fatal(err)
	}
	return newFleetWith(t, redisURL, flows, apis, workers, env...)
}

// newFleetWith does the same with the flows of a directory.
func newFleetWith(t testing.TB, redisURL, flows string, apis, workers int, env ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), flows: flows}
	f.env = append([]string{
		"PENSTOCK_REDIS_URL=" + redisURL,
		"PENSTOCK_MASTER_KEY=" + base64.StdEncoding.EncodeToString(store.NewMasterKey()),
		"PENSTOCK_API_KEY=" + apiKey, "PENSTOCK_API_SECRET=" + apiSecret,
		"PENSTOCK_ADMIN_USER=" + adminUser, "PENSTOCK_ADMIN_PASSWORD=" + adminPassword,
		"PENSTOCK_ALLOW_PRIVATE_NETWORKS=true", "GOTRACEBACK=all",
	}, env...)
	for i := range workers {
		f.workers = append(f.workers, f.spawn("worker", fmt.Sprintf("worker %d", i)))
	}
	for i := range apis {
		f.apis = append(f.apis, f.spawnAPI(fmt.Sprintf("api %d", i), flows))
	}
	return f
}

func (f *fleet) spawn(role, name string, args ...string) *testenv.Child {
	f.t.Helper()
	return testenv.Start(f.t, name, binary, f.env, append([]string{role}, args...)...)
}

// spawnAPI starts an api and waits until it answers.
func (f *fleet) spawnAPI(name, flows string) *door {
	f.t.Helper()
	f.started++
	ready := filepath.Join(f.dir, fmt.Sprintf("ready-%d", f.started))
	d := &door{Child: f.spawn("api", name, "--listen", "127.0.0.1:0", "--ready-file", ready, "--flows", flows)}
	eventually(f.t, startLimit, name+" is ready", func() bool {
		select {
		case <-d.Ended():
			f.t.Fatalf("%s ended:\n%s", name, d.Log())
		default:
		}
		text, err := os.ReadFile(ready)
		d.url = strings.TrimSpace(string(text))
		return err == nil
	})
	return d
}

// api returns the i-th api, counted around.
func (f *fleet) api(i int) *door {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.apis[i%len(f.apis)]
}

func (f *fleet) worker(i int) *testenv.Child {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.workers[i%len(f.workers)]
}

// replaceWorker starts another worker in the place of one that has ended.
func (f *fleet) replaceWorker(i int) {
	f.t.Helper()
	w := f.spawn("worker", f.worker(i).Name)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers[i] = w
}

// replaceAPI does the same for an api, on another port.
func (f *fleet) replaceAPI(i int) {
	f.t.Helper()
	d := f.spawnAPI(f.api(i).Name, f.flows)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.apis[i] = d
}

// eventually waits until it is so, or fails the test.
func eventually(t testing.TB, limit time.Duration, what string, is func() bool) {
	t.Helper()
	tick, over := time.NewTicker(20*time.Millisecond), time.After(limit)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-over:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

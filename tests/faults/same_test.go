//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/testenv"
)

// A thousand callers send one idempotency key through two apis, which do not
// know of each other: one run (I5), and all get its bytes.
func TestEqualKeysOverTwoAPIs(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := newSink(t)
	s.slow(200 * time.Millisecond)
	c := newCaller(t, newFleet(t, server.URL(), 2, 2), s)
	calls := make(chan *call, 1000)
	for i := range 1000 {
		go func() {
			// Equal events: n says only who begins with which api.
			one := &call{flow: "puts", n: 7, key: "the same"}
			one.tries = append(one.tries, c.try(context.Background(), i, one))
			c.history.add(one)
			calls <- one
		}()
	}
	for range 1000 {
		(<-calls).want(t, 10)
	}
	if runs := records(t, server.Client()); len(runs) != 1 {
		t.Errorf("%d runs, want 1", len(runs))
	}
	if n := s.count(); n != 3 {
		t.Errorf("%d effects, want 3", n)
	}
	checkAll(t, server.Client(), c.history, s)
}

// A run executes the version that it was accepted with (I8), whatever is
// deployed before a worker gets to it.
func TestTheVersionIsPinned(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := newSink(t)
	f := newFleet(t, server.URL(), 1, 0)
	c := newCaller(t, f, s)
	old := make(chan *call)
	for i := range 20 {
		go func() { old <- c.do(context.Background(), &call{flow: "pure", n: i}) }()
	}
	redis := server.Client()
	eventually(t, 10*time.Second, "20 runs are queued", func() bool {
		return redis.ZCard(context.Background(), ours+"due").Val() == 20
	})
	f.apis = append(f.apis, f.spawnAPI("api with another version", deploy(t, "pure", "set: {n: \"${ .n + 1000 }\"}")))
	f.apis = f.apis[1:]
	f.workers = append(f.workers, f.spawn("worker", "worker"))
	for range 20 {
		call := <-old
		call.want(t, call.n)
	}
	fresh := c.do(context.Background(), &call{flow: "pure", n: 1})
	fresh.want(t, 1001)
	versions := map[string]int{}
	for _, r := range records(t, redis) {
		versions[r.version]++
	}
	if len(versions) != 2 {
		t.Errorf("I8: runs by version: %v; want two versions", versions)
	}
	checkAll(t, redis, c.history, s)
}

// A hundred megabytes are refused before they are read. Where the setting lets
// them in they are too large for a run; a quarter of that comes back as it went.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	s := newSink(t)
	f := newFleet(t, server.URL(), 1, 1)
	c := newCaller(t, f, s)
	c.http.Transport = polite{c.http.Transport}
	if got := c.post(t, f.api(0), "echo", large(100)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("100 MB at a door that takes 1 MiB: status %d, %v; want 413", got.status, got.err)
	}
	if grown := memory(t, f.api(0).Pid()).peak; grown > 128<<20 {
		t.Errorf("the api held %d MB for a refused body", grown>>20)
	}
	c.do(context.Background(), &call{flow: "pure", n: 1}).want(t, 1)

	f.env = append(f.env, fmt.Sprintf("PENSTOCK_MAX_BODY=%d", 110<<20))
	f.api(0).Kill()
	f.replaceAPI(0)
	if got := c.post(t, f.api(0), "echo", large(100)); got.status != http.StatusUnprocessableEntity || got.code != "limit" {
		t.Errorf("100 MB at a door that takes 110: status %d, code %q, %v; want 422 limit", got.status, got.code, got.err)
	}
	event := large(25)
	got := c.post(t, f.api(0), "echo", event)
	if got.status != http.StatusOK || len(got.output) != len(event)+2 {
		t.Errorf("25 MB: status %d, %d bytes back, %v", got.status, len(got.output), got.err)
	}
	t.Logf("25 MB in and out took %v; at most the api held %d MB, the worker %d MB", got.took.Round(time.Millisecond),
		memory(t, f.api(0).Pid()).peak>>20, memory(t, f.worker(0).Pid()).peak>>20)
	checkAll(t, server.Client(), c.history, s)
}

// polite asks before it sends a large body, as curl does: who is refused while
// sending may see a reset before the answer.
type polite struct{ http.RoundTripper }

func (p polite) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Expect", "100-continue")
	return p.RoundTripper.RoundTrip(r)
}

// large is a JSON array of strings of a megabyte each.
func large(megabytes int) []byte {
	text := `"` + strings.Repeat("x", 1<<20-3) + `"`
	return []byte("[" + strings.TrimSuffix(strings.Repeat(text+",", megabytes), ",") + "]")
}

// post sends an event as it stands. It repeats a call that the API process asks to repeat because Redis did not answer
// in time: on a busy machine, Redis can take longer to read a large command than a submission waits.
func (c *caller) post(t *testing.T, d *door, flow string, event []byte) (answer try) {
	t.Helper()
	testenv.Eventually(t, func() string {
		if answer = c.postOnce(t, d, flow, event); answer.status == http.StatusServiceUnavailable && answer.code == "unavailable" {
			return fmt.Sprint("a call is accepted: ", answer.err)
		}
		return ""
	})
	return answer
}

func (c *caller) postOnce(t *testing.T, d *door, flow string, event []byte) (answer try) {
	t.Helper()
	door, err := client.New(client.Config{URL: d.url, Key: apiKey, Secret: apiSecret, HTTP: c.http})
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	run, err := door.Start(t.Context(), client.Request{Flow: flow, Event: event})
	answer.took = time.Since(begun)
	var refused *client.Error
	switch {
	case err == nil:
		answer.status, answer.run, answer.output = http.StatusOK, run.ID, run.Output
	case errors.As(err, &refused):
		answer.status, answer.code, answer.err = refused.Status, refused.Code, err
	default:
		answer.err = err
	}
	return answer
}

// deploy makes a directory of one flow with one step.
func deploy(t *testing.T, slug, step string) string {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf("flow: 4\nslug: %s\nname: Another version\ntrigger: webhook\nrun: {limit: 60s}\nsteps:\n  - %s\n", slug, step)
	if err := os.WriteFile(filepath.Join(dir, slug+".yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

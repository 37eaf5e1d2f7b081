package steps_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/testenv"
)

// emitted is an Emitter that accepts each key once. Items call it at once.
type emitted struct {
	mu     sync.Mutex
	keys   map[string]bool // guarded by mu
	events []string        // guarded by mu
}

func (e *emitted) Emit(_ context.Context, m flows.Emission) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.keys[m.Key] {
		e.keys[m.Key] = true
		e.events = append(e.events, m.Event.(map[string]any)["name"].(string))
	}
	return "run", nil
}

// take returns the names of the files for which runs were started since the last call.
func (e *emitted) take() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() { e.events = nil }()
	slices.Sort(e.events)
	return strings.Join(e.events, " ")
}

const pollFlow = `
flow: 1
slug: files
trigger: {poll: "*/5 * * * *"}
steps:
  - switch:
      - when: has("scheduled_at")
        steps:
          - sftp: {connection: bank, list: %q, match: "*.csv"}
          - changes: files
            key: ${ .path }
            compare: [size, modified]
            max_gone: 100%%
            steps:
              - filter: .kind != "gone"
              - emit: files
                event: ${ .item }
                key: ${ .item | "\(.path) \(.size) \(.modified)" }
      - else:
          - transform: .name
`

// Each file is one run, by name, size and time, whatever happens between the polls.
func TestANewFileIsOneRun(t *testing.T) {
	t.Parallel()
	server := testenv.SFTP(t, nil)
	w, _ := newSFTPWorld(t, server, nil)
	starts := &emitted{keys: map[string]bool{}}
	w.env.State, w.env.Emit = flows.NewMemory(), starts
	flow, err := flows.Parse("poll.yaml", fmt.Appendf(nil, pollFlow, server.Dir), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, at int64) {
		t.Helper()
		path := filepath.Join(server.Dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Unix(at, 0)); err != nil {
			t.Fatal(err)
		}
	}
	polls := 0
	poll := func(want string) {
		t.Helper()
		polls++
		run := flows.Run{ID: fmt.Sprintf("run-%d", polls), Attempt: 1, Event: map[string]any{"scheduled_at": "2026-11-23T06:00:00Z"}}
		if _, err := flow.Execute(t.Context(), run, w.env); err != nil {
			t.Fatal(err)
		}
		if got := starts.take(); got != want {
			t.Errorf("poll %d started runs for %q, want %q", polls, got, want)
		}
	}
	poll("")
	write("a.csv", "1", 1000)
	write("b.csv", "1", 1000)
	write("c.txt", "1", 1000)
	poll("a.csv b.csv")
	poll("")
	write("b.csv", "22", 1000)
	poll("b.csv")
	write("b.csv", "33", 2000)
	write("d.csv", "1", 1000)
	if err := os.Remove(filepath.Join(server.Dir, "a.csv")); err != nil {
		t.Fatal(err)
	}
	poll("b.csv d.csv")
	poll("")
}

// growing is a server with a file that is being written, one that is complete, and one that comes late.
type growing struct {
	flows.Connections
	flows.SFTPServer
	since time.Time
}

func (g growing) SFTP(context.Context, string) (flows.SFTPServer, error) { return g, nil }

func (g growing) List(_ context.Context, _ string, _ bool, each func(flows.RemoteFile) error) error {
	elapsed := time.Since(g.since)
	all := []flows.RemoteFile{{Path: "growing", Size: int64(elapsed)}, {Path: "whole", Size: 7}, {Path: "touched", Size: 1, Modified: g.since.Add(elapsed)}}
	if elapsed > 0 {
		all = append(all, flows.RemoteFile{Path: "late"})
	}
	for _, f := range all {
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// A file that changes while the list settles is left out.
func TestAFileThatIsBeingWrittenIsLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for settle, want := range map[string]string{"": "growing touched whole", ", settle: 10s": "whole"} {
			flow, err := oneStep("sftp: {connection: bank, list: ." + settle + "}")
			if err != nil {
				t.Fatal(err)
			}
			items, err := flow.Execute(t.Context(), flows.Run{ID: "run-1", Attempt: 1}, flows.Env{Connections: growing{since: time.Now()}})
			var names []string
			for _, item := range items {
				names = append(names, item.(map[string]any)["name"].(string))
			}
			if got := strings.Join(names, " "); err != nil || got != want {
				t.Errorf("%q: %s, %v", settle, got, err)
			}
		}
	})
}

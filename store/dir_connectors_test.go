package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/testenv"
)

const (
	usesCRM = "flow: 1\nsteps: [{uses: crm.people}]\n"
	crmV1   = "connector: crm\nbase: https://crm.example.org/v1\noperations:\n  people: {http: {get: /people}}\n"
)

// openWithSteps starts a process with the step kinds of the product.
func openWithSteps(t *testing.T) *Store {
	t.Helper()
	fleet := newTestFleet(t)
	config := fleet.config(t)
	config.Catalogue = steps.Catalogue()
	s, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return s
}

// current returns the text of the current version of flow 1.
func current(t *testing.T, s *Store) string {
	t.Helper()
	flow, ok := s.Flows().Find("1")
	if !ok {
		return ""
	}
	return string(flow.Source)
}

// Flows of a directory use the connectors below it. A connector that changes makes a new version of the flows that use it alone.
func TestLoadFSWithConnectors(t *testing.T) {
	t.Parallel()
	s := openWithSteps(t)
	dir := fstest.MapFS{"a.yaml": file(usesCRM), "b.yaml": file("flow: 2\nsteps: [{set: {a: 1}}]\n"), "connectors/crm.yaml": file(crmV1)}
	for _, pass := range []struct {
		crm      string
		changed  []string
		problems string
		has      string
	}{
		{crmV1, []string{"a.yaml", "b.yaml"}, "", "/v1"},
		{crmV1, nil, "", "/v1"},
		{strings.Replace(crmV1, "/v1", "/v2", 1), []string{"a.yaml"}, "", "/v2"},
		{strings.Replace(crmV1, "operations:\n", "operations:\n  unused: {http: {get: /unused}}\n", 1), []string{"a.yaml"}, "", "/v1"}, // the first version again
		{strings.Replace(crmV1, "get:", "git:", 1), nil, `a.yaml: connectors/crm.yaml:4:19: unknown field "git"`, "/v1"},
		{"", nil, `a.yaml: a.yaml:2:16: there is no connector "crm"`, "/v1"},
	} {
		if dir["connectors/crm.yaml"] = file(pass.crm); pass.crm == "" {
			delete(dir, "connectors/crm.yaml")
		}
		changed, problems := load(t, s, dir)
		if diff := cmp.Diff(pass.changed, changed); diff != "" {
			t.Errorf("changed (-want +got)\n%s", diff)
		}
		if all := strings.Join(problems, "\n"); (pass.problems == "") != (all == "") || !strings.HasPrefix(all, pass.problems) {
			t.Errorf("problems %q, want %q", all, pass.problems)
		}
		if text := current(t, s); !strings.HasPrefix(text, usesCRM+"---\n") || !strings.Contains(text, "crm.example.org"+pass.has) || strings.Contains(text, "unused") {
			t.Errorf("deployed\n%s", text)
		}
	}
}

// The watch of a directory sees its connectors, also when their directory comes later.
func TestWatchDirWithConnectors(t *testing.T) {
	t.Parallel()
	s := openWithSteps(t)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.yaml", usesCRM)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	passes := make(chan string, 100) // more than there will be
	watching.Go(func() {
		err := s.Flows().WatchDir(ctx, dir, func(_ []Deployed, problems []Problem, _ error) {
			text := ""
			for _, p := range problems {
				text += p.Error()
			}
			passes <- text
		})
		if err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	until := func(what string, is func(problems string) bool) {
		t.Helper()
		for !is(testenv.Receive(t, passes, "a pass with "+what)) {
		}
	}
	until("a flow without its connector", func(problems string) bool { return strings.Contains(problems, `no connector "crm"`) })
	deployed := func(part string) func(string) bool {
		return func(string) bool { return strings.Contains(current(t, s), part) }
	}
	if err := os.Mkdir(filepath.Join(dir, "connectors"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("connectors/crm.yaml", crmV1)
	until("the connector", deployed("/v1"))
	write("connectors/crm.yaml", strings.Replace(crmV1, "/v1", "/v2", 1))
	until("the changed connector", deployed("/v2"))
	write("connectors/crm.yaml.tmp", strings.Replace(crmV1, "/v1", "/v3", 1)) // an editor that saves by renaming
	if err := os.Rename(filepath.Join(dir, "connectors/crm.yaml.tmp"), filepath.Join(dir, "connectors/crm.yaml")); err != nil {
		t.Fatal(err)
	}
	until("the renamed connector", deployed("/v3"))
	cancel()
	watching.Wait()
}

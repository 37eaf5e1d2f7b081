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
	"github.com/penstock/penstock/internal/testenv"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

const rest = "\nsteps: [{echo: {}}]\n"

// load returns the deployed flows, as "file number", and the problems.
func load(t *testing.T, s *Store, dir fstest.MapFS) (changed []string, problems []string) {
	t.Helper()
	deployed, found, err := s.Flows().LoadFS(t.Context(), dir)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	for _, d := range deployed {
		if d.Changed {
			changed = append(changed, d.File)
		}
	}
	for _, p := range found {
		problems = append(problems, p.Error())
	}
	return changed, problems
}

func TestLoadFS(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	dir := fstest.MapFS{
		"a.yaml":           file("flow: 1\nslug: a" + rest),
		"b.yml":            file("flow: 2" + rest),
		"c.json":           file(`{"flow": 3, "steps": [{"echo": {}}]}`),
		"flow.schema.json": file(`{}`),
		".d.yaml":          file("not read"),
		"e.yaml~":          file("not read"),
		"sub/f.yaml":       file("not read"),
		"broken.yaml":      file("flow: 4\nsteps: [{ecko: {}}]\n"),
		"taken.yaml":       file("flow: 5\nslug: a" + rest),
		"compose.yml":      file("services:\n  flow: {image: x}\n  steps: 1\n"),
		"twice1.yaml":      file("flow: 6" + rest),
		"twice2.yaml":      file("flow: 6\nname: other" + rest),
	}
	changed, problems := load(t, s, dir)
	if diff := cmp.Diff([]string{"a.yaml", "b.yml", "c.json"}, changed); diff != "" {
		t.Errorf("deployed (-want +got):\n%s", diff)
	}
	wants := []string{"broken.yaml:2:", "compose.yml: it is no flow", `slug "a" belongs to flow 1`, "twice1.yaml, twice2.yaml", "twice1.yaml, twice2.yaml"}
	if len(problems) != len(wants) {
		t.Fatalf("problems: %q", problems)
	}
	for _, want := range wants {
		if !strings.Contains(strings.Join(problems, "\n"), want) {
			t.Errorf("no problem says %q: %q", want, problems)
		}
	}
	if changed, _ := load(t, s, dir); changed != nil {
		t.Errorf("loading again changed %q", changed)
	}
}

func TestIsFlow(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"flow: 1": true, "# c\nsteps:\n- x": true, "flow : 1": true, `{"flow":1}`: true, "{flow: 1}": true, "{\n  \"steps\": []\n}": true, `"flow": 1`: true,
		"steps: [": true, "flow: 1\n\tsteps: bad": true,
		"": false, "name: x": false, `{"name":"p"}`: false, "jobs:\n  steps: []": false, "workflow: 1": false, "[1, 2]": false, "# flow: 1": false,
	} {
		if got := IsFlow([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestAFileThatBreaksLater(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	load(t, s, fstest.MapFS{"a.yaml": file("flow: 1\nname: good" + rest)})
	_, problems := load(t, s, fstest.MapFS{"a.yaml": file("flow: 1\nname: bad\nsteps: 7\n")})
	if len(problems) != 1 {
		t.Errorf("problems: %q", problems)
	}
	if flow, ok := s.Flows().Find("1"); !ok || flow.Name != "good" {
		t.Errorf("the last good version is gone: %v, %v", flow, ok)
	}
}

func TestWatchDir(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.yaml", "flow: 1\nname: first"+rest)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	passes := make(chan struct{}, 100) // more than there will be
	watching.Go(func() {
		if err := s.Flows().WatchDir(ctx, dir, func([]Deployed, []Problem, error) { passes <- struct{}{} }); err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	named := func(want string) {
		t.Helper()
		for {
			testenv.Receive(t, passes, "a pass after which flow 1 is "+want)
			if flow, ok := s.Flows().Find("1"); ok && flow.Name == want {
				return
			}
		}
	}
	named("first")
	write("a.yaml", "flow: 1\nname: second"+rest)
	named("second")
	write("a.yaml.tmp", "flow: 1\nname: third"+rest) // an editor that saves by renaming
	if err := os.Rename(filepath.Join(dir, "a.yaml.tmp"), filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	named("third")
	write("a.yaml", "flow: 1\nname: fourth"+rest) // still watched after the rename
	named("fourth")
	cancel()
	watching.Wait()
	if err := s.Flows().WatchDir(t.Context(), filepath.Join(dir, "none"), nil); err == nil {
		t.Error("watching a directory that is not there: no error")
	}
}

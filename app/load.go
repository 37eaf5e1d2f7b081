package app

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"penstock/flows/examples"
	"penstock/internal/store"
)

// loadFlows deploys the directory of the settings, in dev the examples
// without one, which dev goes on watching.
func (p *Program) loadFlows(ctx context.Context) error {
	p.flowFiles = &teller{p: p}
	if p.store.Ready() != nil {
		return nil // restore does it, when the process can work with what is stored
	}
	if err := p.deployFlows(ctx); err != nil {
		return err
	}
	if dir := p.settings.Flows; p.role.dev && dir != "" {
		p.add("flow watcher", func(ctx context.Context) error { return p.store.Flows().WatchDir(ctx, dir, p.flowFiles.loaded) })
	}
	return nil
}

// deployFlows deploys what is in the directory.
func (p *Program) deployFlows(ctx context.Context) error {
	dir := p.settings.Flows
	if dir == "" && !p.role.dev {
		return nil // flows come over the API, or are there
	}
	var files fs.FS = examples.FS
	if dir != "" {
		files = os.DirFS(dir)
	}
	deployed, problems, err := p.store.Flows().LoadFS(ctx, files)
	if err != nil {
		return err
	}
	p.flowFiles.loaded(deployed, problems, nil)
	return nil
}

// teller says what a pass over the flow files found, unless the pass before
// found the same.
type teller struct {
	p *Program

	mu   sync.Mutex // guards last
	last string
}

func (t *teller) loaded(deployed []store.Deployed, problems []store.Problem, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range deployed {
		if d.Changed {
			t.p.log.Info("flow deployed", "flow", d.Number, "slug", d.Slug, "version", d.Version, "file", d.File)
		}
	}
	if err != nil {
		t.p.log.Error("flows were not loaded", "error", err)
	}
	var all strings.Builder
	for _, problem := range problems {
		fmt.Fprintf(&all, "%v\n", problem.Err)
	}
	if all.String() != t.last && t.p.role.dev { // for a person who is editing
		fmt.Fprintf(t.p.out, "\n%s", all.String())
	}
	if all.String() != t.last {
		for _, problem := range problems {
			t.p.log.Error("flow not deployed; what ran before still runs", "file", problem.File, "error", firstLine(problem.Err.Error()))
		}
	}
	t.last = all.String()
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

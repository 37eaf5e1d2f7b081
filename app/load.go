package app

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"penstock/flows/examples"
	"penstock/internal/store"
)

// loadFlows deploys the directory of the settings, in dev the examples
// without one, which dev goes on watching.
func (p *Program) loadFlows(ctx context.Context) error {
	dir := p.settings.Flows
	if dir == "" && !p.role.dev {
		return nil // flows come over the API, or are there
	}
	var files fs.FS = examples.FS
	if dir != "" {
		files = os.DirFS(dir)
	}
	told := &teller{p: p}
	deployed, problems, err := p.store.Flows().LoadFS(ctx, files)
	if err != nil {
		return err
	}
	told.loaded(deployed, problems, nil)
	if p.role.dev && dir != "" {
		p.add("flow watcher", func(ctx context.Context) error { return p.store.Flows().WatchDir(ctx, dir, told.loaded) })
	}
	return nil
}

// teller says what a pass over the flow files found, unless the pass before
// found the same.
type teller struct {
	p    *Program
	last string
}

func (t *teller) loaded(deployed []store.Deployed, problems []store.Problem, err error) {
	for _, d := range deployed {
		if d.Changed {
			t.p.log.Info("flow deployed", "flow", d.Flow.Number, "slug", d.Flow.Slug, "version", d.Flow.Version, "file", d.File)
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

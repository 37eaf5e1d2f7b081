package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/phrase"
	"github.com/penstock/penstock/store"
)

// flowFileReport reports the results of deploying the flow files of a directory, each result once. It is used by one
// goroutine at a time.
type flowFileReport struct {
	log  *slog.Logger
	out  io.Writer // dev: texts for the person who edits the files; nil: results are only logged
	dir  string
	last map[string]fileState // by file, after the previous pass

	// missing returns warnings of what a flow uses and the store does not have.
	missing func(ctx context.Context, file string, flow *flows.Flow) problem.List
}

// fileState is the last known state of a file.
type fileState struct {
	flow    *store.Deployed // last flow deployed from the file; nil: none
	problem error           // nil: the file is deployed
}

// equal reports whether two states are reported alike.
func (s fileState) equal(t fileState) bool {
	if s.problem != nil || t.problem != nil {
		return s.problem != nil && t.problem != nil && s.problem.Error() == t.problem.Error()
	}
	return s.flow.Version == t.flow.Version
}

// update reports the changes since the previous pass. err means that the pass itself has failed.
func (r *flowFileReport) update(ctx context.Context, deployed []store.Deployed, problems []store.Problem, err error) {
	if err != nil {
		if ctx.Err() == nil {
			r.log.Error("the flow files were not loaded", "error", err)
		}
		return
	}
	now := map[string]fileState{}
	for _, d := range deployed {
		now[d.File] = fileState{flow: &d}
		if d.Changed && r.out == nil {
			r.log.Info("flow deployed", "flow", d.Number, "slug", d.Slug, "version", d.Version, "file", d.File)
		}
	}
	for _, p := range problems {
		now[p.File] = fileState{flow: r.last[p.File].flow, problem: p.Err}
	}
	var text bytes.Buffer
	for _, file := range slices.Sorted(maps.Keys(now)) {
		before, known := r.last[file]
		if known && before.equal(now[file]) {
			continue
		}
		if r.out != nil {
			r.print(ctx, &text, file, before, now[file])
		} else if now[file].problem != nil {
			r.warn(file, now[file].problem)
		}
	}
	for _, file := range slices.Sorted(maps.Keys(r.last)) {
		if _, there := now[file]; !there && r.last[file].flow != nil {
			flow := r.last[file].flow
			fmt.Fprintf(&text, "%s was removed. Its flow stays deployed; to delete it: penstock flow delete %d\n", r.path(file), flow.Number)
		}
	}
	r.last = now
	if r.out != nil {
		_, _ = text.WriteTo(r.out) // a closed output does not stop the process
	}
}

// warn logs all problems of a file.
func (r *flowFileReport) warn(file string, err error) {
	var mistakes problem.List
	switch {
	case errors.Is(err, store.ErrNoFlow):
		r.log.Warn("file skipped", "file", file, "error", err)
	case errors.As(err, &mistakes):
		for i := range mistakes {
			r.log.Error("flow not deployed; what ran before still runs", "file", file, "error", mistakes[i].Error())
		}
	default:
		r.log.Error("flow not deployed; what ran before still runs", "file", file, "error", err)
	}
}

// print writes the change of a file for a person.
func (r *flowFileReport) print(ctx context.Context, w io.Writer, file string, before, now fileState) {
	var mistakes problem.List
	switch {
	case errors.Is(now.problem, store.ErrNoFlow):
		fmt.Fprintf(w, "%s is skipped: %v\n", r.path(file), now.problem)
		return
	case errors.As(now.problem, &mistakes):
		fmt.Fprintln(w)
		mistakes = slices.Clone(mistakes)
		for i := range mistakes {
			mistakes[i].File = r.path(mistakes[i].File)
		}
		for i := range mistakes {
			fmt.Fprintf(w, "%s\n", mistakes[i].Text())
		}
		fmt.Fprintf(w, "%s has %s and is not deployed", r.path(file), phrase.Count(len(mistakes), "mistake"))
	case now.problem != nil:
		fmt.Fprintf(w, "\n%s is not deployed: %v", r.path(file), now.problem)
	default:
		r.printDeployed(ctx, w, file, before, now.flow)
		return
	}
	if now.flow != nil {
		fmt.Fprintf(w, "; the previous version of flow %s stays deployed", refOf(now.flow))
	}
	fmt.Fprintf(w, ".\n\n")
}

func (r *flowFileReport) printDeployed(ctx context.Context, w io.Writer, file string, before fileState, d *store.Deployed) {
	repaired := ""
	if before.problem != nil && !errors.Is(before.problem, store.ErrNoFlow) {
		repaired = "right again, "
	}
	if d.Flow == nil {
		fmt.Fprintf(w, "%s %s: %sflow %s is deployed as it was\n", time.Now().Format(time.TimeOnly), r.path(file), repaired, refOf(d))
		return
	}
	results := flows.RunTests(ctx, d.Flow)
	failed := slices.DeleteFunc(slices.Clone(results), func(t flows.TestResult) bool { return t.Failure == "" })
	outcome := phrase.Count(len(results), "test") + " passed"
	switch {
	case len(results) == 0:
		outcome = "it has no tests"
	case len(failed) > 0:
		outcome = fmt.Sprintf("%d of %s failed", len(failed), phrase.Count(len(results), "test"))
	}
	fmt.Fprintf(w, "%s %s: %sflow %s is deployed, %s\n", time.Now().Format(time.TimeOnly), r.path(file), repaired, refOf(d), outcome)
	warnings := slices.Concat(d.Flow.Warnings(), r.missing(ctx, file, d.Flow))
	for i := range warnings {
		warnings[i].File = r.path(file)
		fmt.Fprintf(w, "%s\n", warnings[i].Error())
	}
	for _, t := range failed {
		fmt.Fprintf(w, "%s:%d: FAIL %s\n%s\n", r.path(file), t.Line, t.Name, phrase.Indent(t.Failure))
	}
}

func (r *flowFileReport) path(file string) string { return filepath.Join(r.dir, file) }

// refOf returns a flow's number and, if it has one, its slug.
func refOf(d *store.Deployed) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", d.Number, d.Slug))
}

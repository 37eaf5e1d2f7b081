package flowpage

import (
	"context"
	"errors"

	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// OverRun returns a run laid over the picture of a flow. page is one of the constants of view.
func OverRun(ctx context.Context, page string, run *view.Run, o *diagram.Outline) *view.Overlay {
	over := &view.Overlay{Page: page, Flow: run.Flow, Run: &run.RunRow, Short: view.Short(run.Version), Steps: stepsOf(o)}
	byPath := make(map[string]*view.StepRow, len(run.Rows))
	for i := range run.Rows {
		byPath[run.Rows[i].Path] = &run.Rows[i]
	}
	for i := range over.Steps {
		f := &over.Steps[i]
		row := byPath[f.Path]
		if row == nil {
			f.Unknown = run.Dropped > 0
			continue
		}
		f.State, f.Times, f.Took = stateOf(row, run), int64(row.Times), row.Took
		f.Items, f.In, f.Out = true, row.In, row.Out
		for _, item := range row.Each {
			if item.Error != "" {
				f.Failures++
			}
		}
		if row.Error != "" {
			f.Error, f.ErrorRun = row.Error, run.ID
		}
	}
	if e := run.Failure; e != nil && e.Step != "" {
		addError(over.Steps, e.Step, func(f *view.StepFigures) {
			if f.State != "" {
				f.State = string(queue.Failed)
			}
			if f.Error == "" {
				f.Error, f.ErrorRun = e.Message, run.ID
			}
		})
	}
	if run.Dropped > 0 {
		over.Notes = append(over.Notes, language.T(ctx, "A run's record has room for 200 steps: whether the others ran is not known."))
	}
	return over
}

// stateOf is the state of a step in a run, as of runs.
func stateOf(row *view.StepRow, run *view.Run) string {
	switch {
	case row.Error != "":
		return string(queue.Failed)
	case row.Running && !run.Ended:
		return string(queue.Running)
	case !row.Waiting.IsZero() && !run.Ended:
		return string(queue.Waiting)
	}
	return string(queue.Succeeded)
}

// stepsOf are the steps of a flow without figures, in the order of the flow.
func stepsOf(o *diagram.Outline) (all []view.StepFigures) {
	var add func(steps []diagram.Step, depth int)
	add = func(steps []diagram.Step, depth int) {
		for _, s := range steps {
			all = append(all, view.StepFigures{Path: s.Path, Name: s.Title, Kind: s.Kind, Depth: depth})
			for _, b := range s.Branches {
				add(b.Steps, depth+1)
			}
		}
	}
	add(o.Steps, 0)
	add(o.OnFailure, 0)
	return all
}

// addError calls do for the step with a path, and for those that it is nested in.
func addError(steps []view.StepFigures, path string, do func(*view.StepFigures)) {
	for i := range steps {
		if s := &steps[i]; path == s.Path || len(path) > len(s.Path) && path[:len(s.Path)] == s.Path && path[len(s.Path)] == '.' {
			do(s)
		}
	}
}

// searchedRuns is the number of newest runs in Redis among which the last one of a flow is looked for.
const searchedRuns = 5000

// LastRun returns the id of the last run of a flow; of those that failed or took too long, if that is wanted. Empty: there is none
// among the runs that the history has, and the newest ones that Redis has. away: Redis does not answer.
func (p *Pages) LastRun(ctx context.Context, flow int64, failed, away bool) (id string, err error) {
	var last queue.Record
	take := func(r *queue.Record) {
		if r.Flow == flow && (!failed || hasFailed(r)) && (last.ID == "" || r.AcceptedAt().After(last.AcceptedAt())) {
			last = *r
		}
	}
	if p.config.History != nil {
		_, _, err = p.config.Runs.ListArchived(ctx, queue.List{Most: 1, Where: runsOf(flow, failed)}, take)
		if err != nil && (away || !errors.Is(err, queue.ErrHistory) && !errors.Is(err, queue.ErrNoHistory)) {
			return "", err
		}
	}
	for read, l := 0, (queue.List{Most: 500, Stored: true, From: last.AcceptedAt()}); !away && read < searchedRuns; read += l.Most {
		before := last.ID
		next, more, err := p.config.Runs.List(ctx, l, take)
		if err != nil {
			return "", err
		}
		if l.After = next; last.ID != before || !more {
			break
		}
	}
	return last.ID, nil
}

// runsOf are the conditions for the runs of a flow that have ended, or of those that failed.
func runsOf(flow int64, failed bool) []queue.Condition {
	where := queue.OfFlow(flow)
	if failed {
		where = append(where, queue.Condition{Field: "state", Values: []string{string(queue.Failed), string(queue.TimedOut)}})
	}
	return where
}

func hasFailed(r *queue.Record) bool { return r.State == queue.Failed || r.State == queue.TimedOut }

// errorOf is the error of a run that failed; one that took too long may have none.
func errorOf(ctx context.Context, r *queue.Record) flows.Error {
	if r.Error == nil {
		return flows.Error{Message: language.T(ctx, "the run took too long")}
	}
	return *r.Error
}

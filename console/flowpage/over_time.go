package flowpage

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/penstock/penstock/console/diagram"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/queue"
)

const (
	// listedRuns is the number of runs that one listing reads.
	listedRuns = 500
	// The number of listings: of the newest runs of Redis, if there is a history and if there is none, and of failed runs of the history.
	recentListings, redisListings, failedListings = 2, 10, 4
)

// OverTime returns the runs of a time laid over the picture of a flow. page is view.OverDay or view.OverWeek. away: Redis does not
// answer.
func (p *Pages) OverTime(ctx context.Context, page string, flow int64, o *diagram.Outline, away bool) (*view.Overlay, error) {
	over := &view.Overlay{Page: page, Flow: flow, Steps: stepsOf(o)}
	span, width := 24*time.Hour, 15*time.Minute
	if page == view.OverWeek {
		span, width = 7*24*time.Hour, 3*time.Hour
	}
	now := p.config.Now()
	ended, backTo, err := p.endedRuns(ctx, flow, now.Add(-span), away)
	if err != nil && !errors.Is(err, queue.ErrHistory) {
		return nil, err
	}
	if err == nil && p.config.History != nil {
		var s *history.Stats
		q := history.StatsQuery{Flows: []int64{flow}, From: now.Add(width - span), To: now, Width: width, Now: now}
		if s, err = p.config.History.Stats(ctx, q); err == nil {
			addStats(ctx, over, s)
		}
	}
	switch {
	case errors.Is(err, queue.ErrUnavailable), errors.Is(err, queue.ErrHistory):
		over.None = language.T(ctx, "The history does not answer: how the steps did in this time is not known.")
		return over, nil
	case err != nil:
		return nil, err
	case p.config.History == nil:
		addEnded(ctx, over, ended)
	}
	addFailures(ctx, over, ended, !backTo.IsZero())
	if !backTo.IsZero() {
		over.Notes = append(over.Notes, language.T(ctx, "Failures of steps are counted back to %s: there are more runs than are looked at.", backTo.UTC().Format("2006-01-02 15:04 UTC")))
	}
	return over, nil
}

// endedRuns returns runs of a flow that have ended, the newest first: those that failed, or without a history all that Redis has.
// backTo is the time of the last one that was looked at; zero: there are no others.
func (p *Pages) endedRuns(ctx context.Context, flow int64, from time.Time, away bool) (ended []queue.Record, backTo time.Time, err error) {
	seen := map[string]bool{}
	take := func(r *queue.Record) {
		if r.Flow == flow && r.State.Terminal() && !seen[r.ID] && (p.config.History == nil || hasFailed(r)) {
			seen[r.ID] = true
			ended = append(ended, *r)
		}
	}
	newest := func(a, b queue.Record) int { return b.AcceptedAt().Compare(a.AcceptedAt()) }
	if !away {
		most := recentListings
		if p.config.History == nil {
			most = redisListings
		}
		if backTo, err = each(ctx, p.config.Runs.List, queue.List{Stored: true, From: from}, most, take); err != nil {
			return nil, backTo, err
		}
	}
	if p.config.History != nil {
		backTo, err = each(ctx, p.config.Runs.ListArchived, queue.List{From: from, Where: runsOf(flow, true)}, failedListings, take)
		if err != nil && !errors.Is(err, queue.ErrNoHistory) {
			return nil, backTo, err
		}
	}
	slices.SortStableFunc(ended, newest)
	return ended, backTo, nil
}

// each calls do for the runs of some listings. backTo is the position at which others follow; zero: there are none.
func each(ctx context.Context, list func(context.Context, queue.List, func(*queue.Record)) (queue.Place, bool, error), l queue.List, listings int, do func(*queue.Record)) (backTo time.Time, err error) {
	l.Most = listedRuns
	for range listings {
		next, more, err := list(ctx, l, do)
		if err != nil || !more {
			return time.Time{}, err
		}
		l.After = next
	}
	return time.UnixMilli(l.After.At), nil
}

// addStats adds what the statistics say. They have the times of the steps of the flow itself.
func addStats(ctx context.Context, over *view.Overlay, s *history.Stats) {
	states := s.Values[history.ByState]
	over.Runs, over.Failed = s.Total.Runs, states[string(queue.Failed)]+states[string(queue.TimedOut)]
	over.P50, over.P95 = milliseconds(s.Total.Took.P50), milliseconds(s.Total.Took.P95)
	times, others := map[string]history.Times{}, false
	for _, step := range s.Steps {
		times[step.Step] = step.Times
		others = others || step.Step == history.Others
	}
	nested := false
	for i := range over.Steps {
		f := &over.Steps[i]
		t, has := times[f.Path]
		f.Unknown = !has && (f.Depth > 0 || others)
		nested = nested || f.Depth > 0
		if has {
			f.Times, f.P50, f.P95, f.State = t.Count, milliseconds(t.P50), milliseconds(t.P95), string(queue.Succeeded)
		}
	}
	if nested {
		over.Notes = append(over.Notes, language.T(ctx, "The statistics have the times of the flow's own steps. How often steps within others ran, and how long they took, is not known."))
	}
	if others {
		over.Notes = append(over.Notes, language.T(ctx, "The statistics tell 100 steps of a flow apart: of the others it is not known how often they ran, and how long they took."))
	}
	over.Notes = append(over.Notes, language.T(ctx, "How many items went through each step is known of a single run only. Runs of the last seconds are not counted yet."))
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// addEnded adds what the runs that Redis has say: without a history there are no statistics.
func addEnded(ctx context.Context, over *view.Overlay, ended []queue.Record) {
	took := make([]time.Duration, 0, len(ended))
	for i := range ended {
		r := &ended[i]
		over.Runs++
		if hasFailed(r) {
			over.Failed++
		}
		took = append(took, r.Duration())
	}
	if slices.Sort(took); len(took) > 0 {
		over.P50, over.P95 = took[(len(took)-1)/2], took[(len(took)*95+99)/100-1]
	}
	for i := range over.Steps {
		over.Steps[i].Unknown = true
	}
	over.Notes = append(over.Notes, language.T(ctx, "There is no history of runs: counted are those that Redis still has, and how often each step ran, and how long it took, is not known. See --history."))
}

// addFailures adds the failures of each step and of those in it. ended are runs, the newest first; more: there are others.
func addFailures(ctx context.Context, over *view.Overlay, ended []queue.Record, more bool) {
	for i := range ended {
		r := &ended[i]
		if !hasFailed(r) {
			continue
		}
		e := errorOf(ctx, r)
		addError(over.Steps, e.Step, func(f *view.StepFigures) {
			f.Failures, f.State = f.Failures+1, string(queue.Failed)
			if f.Error == "" {
				f.Error, f.ErrorRun, f.ErrorAt = cmp.Or(e.Message, string(e.Code)), r.ID, r.AcceptedAt()
			}
		})
	}
	for i := range over.Steps {
		over.Steps[i].AtLeast = more
	}
}

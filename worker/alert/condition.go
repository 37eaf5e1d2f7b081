package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
	"github.com/penstock/penstock/worker/schedule"
)

// conditions returns alerts about the conditions of a rule that hold, and the kinds of which that is not known, because of
// the error.
func (h *Handler) conditions(ctx context.Context, r *rule, now time.Time) (all []Alert, unknown []flows.AlertKind, err error) {
	for _, look := range []struct {
		kind flows.AlertKind
		at   func(context.Context, *rule, time.Time) ([]Alert, error)
	}{
		{flows.AlertFailureRate, h.failureRates}, {flows.AlertScheduleMissed, h.missedSchedules},
		{flows.AlertPollEmpty, h.emptyPolls}, {flows.AlertQueueLate, h.lateQueues}, {flows.AlertRedisMemory, h.memory},
		{flows.AlertCredentialExpiring, h.expiringCredentials},
	} {
		if !r.Alert.Has(look.kind) {
			continue
		}
		some, wrong := look.at(ctx, r, now)
		if wrong != nil { // no reason to leave out the other kinds
			unknown, err = append(unknown, look.kind), errors.Join(err, fmt.Errorf("look at %s: %w", look.kind, wrong))
			continue
		}
		for _, a := range some {
			a.Kind, a.At = look.kind, now.UTC()
			a.Key = string(look.kind)
			switch {
			case a.Flow != 0:
				a.Key += " " + strconv.FormatInt(a.Flow, 10)
			case a.Queue != "":
				a.Key += " " + a.Queue
			case a.Credential != nil:
				a.Key += " " + a.Credential.Kind + " " + a.Credential.Name
			}
			all = append(all, a)
		}
	}
	return all, unknown, err
}

func (h *Handler) failureRates(ctx context.Context, r *rule, _ time.Time) (all []Alert, err error) {
	failing, err := h.config.Failures.Flows(ctx, r.Alert.Window)
	if err != nil {
		return nil, err
	}
	for _, flow := range failing {
		if !r.covers(flow) || h.isRule(flow) {
			continue
		}
		n, err := h.config.Failures.Since(ctx, flow, r.Alert.Window)
		if err != nil {
			return nil, err
		}
		if n >= int64(r.Alert.Runs) {
			a := h.about(flow)
			a.Count, a.Text = n, fmt.Sprintf("%d runs of %s failed within %s", n, a.Name, span(r.Alert.Window))
			all = append(all, a)
		}
	}
	return all, nil
}

// missedSchedules finds schedules and polls of which a run did not start, or did not succeed, in time. Those of paused flows
// are left out.
func (h *Handler) missedSchedules(ctx context.Context, r *rule, now time.Time) (all []Alert, err error) {
	marks, err := schedule.Marks(ctx, h.config.Redis)
	if err != nil {
		return nil, err
	}
	latest := map[int64]*queue.Record{}
	var runs []string
	for _, m := range marks {
		if m.Run != "" {
			runs = append(runs, m.Run)
		}
	}
	records, err := h.config.Runs.Brief(ctx, runs)
	if err != nil {
		return nil, err
	}
	for i := range records {
		latest[records[i].Flow] = &records[i]
	}
	for _, s := range h.schedules(r) {
		if why := missed(&s.Deployment, s.Schedule, marks[s.Number].At, latest[s.Number], now.Add(-r.Alert.Allow)); why != "" {
			a := h.about(s.Number)
			a.Text = "The schedule of " + a.Name + " is not kept: " + why
			if last := latest[s.Number]; last != nil {
				a.Run = last.ID
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// scheduled is a flow with a schedule or poll.
type scheduled struct {
	store.Deployment
	*flows.Schedule
}

// schedules returns the schedules and polls that a rule is about, without those of disabled and paused flows.
func (h *Handler) schedules(r *rule) (all []scheduled) {
	for _, head := range h.config.Flows.List() {
		if head.Schedule == "" || !head.Enabled || !head.Paused.IsZero() || !r.covers(head.Number) {
			continue
		}
		if flow, ok := h.config.Flows.Find(strconv.FormatInt(head.Number, 10)); ok && flow.Schedule != nil {
			all = append(all, scheduled{head, flow.Schedule})
		}
	}
	return all
}

// inForce returns when the schedule of a flow took effect.
func inForce(head *store.Deployment) time.Time {
	if head.Since.IsZero() {
		return head.DeployedAt
	}
	return head.Since
}

// missed returns why a schedule is not kept; empty: it is. at is its last time that was decided on, and last the latest run,
// nil if that is not stored. limit is the time before which runs should have started and ended.
func missed(head *store.Deployment, s *flows.Schedule, at time.Time, last *queue.Record, limit time.Time) string {
	if since := inForce(head); since.After(at) {
		at, last = since, nil // runs before do not count
	}
	if next := s.Next(at); !next.IsZero() && next.Before(limit) {
		return "nothing has started at " + next.Format(time.RFC3339)
	}
	switch {
	case last == nil || last.State == queue.Succeeded || last.ResumedBy != "":
		return ""
	case last.State.Terminal():
		return "the run " + last.ID + " is " + string(last.State)
	case last.Times.Accepted.Before(limit):
		return "the run " + last.ID + " has not ended"
	}
	return ""
}

// emptyPolls finds polls that have found nothing for long, since they took effect at the earliest.
func (h *Handler) emptyPolls(ctx context.Context, r *rule, now time.Time) (all []Alert, err error) {
	polls := slices.DeleteFunc(h.schedules(r), func(s scheduled) bool { return !s.Poll })
	numbers := make([]int64, len(polls))
	for i := range polls {
		numbers[i] = polls[i].Number
	}
	found, err := schedule.LastFinds(ctx, h.config.Redis, numbers)
	if err != nil {
		return nil, err
	}
	for _, p := range polls {
		since := inForce(&p.Deployment)
		if last := found[p.Number]; last.After(since) {
			since = last
		}
		if now.Sub(since) > r.Alert.For {
			a := h.about(p.Number)
			a.Text = "The poll " + a.Name + " has found nothing since " + since.UTC().Format(time.RFC3339)
			all = append(all, a)
		}
	}
	return all, nil
}

func (h *Handler) lateQueues(ctx context.Context, r *rule, _ time.Time) (all []Alert, err error) {
	stats, err := h.config.Runs.Stats(ctx)
	for _, q := range stats {
		if q.Oldest > r.Alert.Late && !q.Paused {
			all = append(all, Alert{Queue: q.Queue, Text: fmt.Sprintf("A run waits for a worker in queue %s for %s; %d are pending, %d workers serve it", q.Queue, span(q.Oldest), q.Pending, q.Workers)})
		}
	}
	return all, err
}

func (h *Handler) memory(ctx context.Context, r *rule, _ time.Time) ([]Alert, error) {
	used, limit, err := h.config.Runs.Memory(ctx)
	if err != nil || limit == 0 || used*100 < limit*int64(r.Alert.Memory) {
		return nil, err
	}
	return []Alert{{Text: fmt.Sprintf("Redis uses %d %% of its memory", used*100/limit)}}, nil
}

// span returns a duration in whole seconds, as in 10m or 2m3s.
func span(d time.Duration) string {
	text := d.Round(time.Second).String()
	if minutes, ok := strings.CutSuffix(text, "m0s"); ok {
		return minutes + "m"
	}
	return text
}

// about returns an alert about a flow.
func (h *Handler) about(flow int64) Alert {
	a := Alert{Flow: flow, Name: "flow " + strconv.FormatInt(flow, 10)}
	if f, ok := h.config.Flows.Find(strconv.FormatInt(flow, 10)); ok && f.Name != "" {
		a.Name = failure.OneLine(f.Name)
	}
	return a
}

// isRule reports whether a flow has an alert trigger. Its failures are told to no flow, because they might not end.
func (h *Handler) isRule(flow int64) bool {
	f, ok := h.config.Flows.Find(strconv.FormatInt(flow, 10))
	return ok && f.Alert != nil
}

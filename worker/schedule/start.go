package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// one starts what is due of one flow that this worker has claimed, and returns the mark after it.
func (s *Scheduler) one(ctx context.Context, flow *flows.Flow, m mark) (mark, error) {
	p := s.plans[flow.Number]
	now := s.now()
	decided := m.at
	if p.since.After(decided) {
		decided = p.since
	}
	start, missed, upTo := due(flow.Schedule, decided, now)
	for _, at := range start {
		held, err := s.start(ctx, flow, at, &m, now)
		if err != nil || held { // checked again soon
			return m, err
		}
	}
	if upTo.After(m.at) {
		m.at = upTo
	}
	s.count(flow, "missed", missed)
	p.next = flow.Schedule.Next(now)
	if p.next.IsZero() {
		p.next = now.Add(remember)
	}
	s.plans[flow.Number] = p
	return m, nil
}

// start submits the run of one time and adds it to the mark. held: an earlier run must end first.
func (s *Scheduler) start(ctx context.Context, flow *flows.Flow, at time.Time, m *mark, now time.Time) (held bool, err error) {
	if flow.Schedule.Overlap == "skip" {
		busy, err := s.busy(ctx, m.run)
		if err != nil {
			return false, err
		}
		if busy && now.Sub(at) > onTime {
			return true, nil // a made-up time is not skipped
		}
		if busy {
			s.config.Log.Warn("a scheduled time was skipped: the last run has not finished",
				"flow", flow.Number, "scheduled_at", at, "run_id", m.run)
			m.at = at
			s.count(flow, "skipped", 1)
			return false, nil
		}
	}
	sub, err := s.submission(ctx, flow, at)
	if err != nil {
		return false, err
	}
	switch err := s.config.Submit(ctx, sub); {
	case err == nil:
		m.run = sub.ID
		s.count(flow, "started", 1)
		s.config.Log.Info("scheduled run", "flow", flow.Number, "scheduled_at", at, "run_id", sub.ID)
	case !errors.Is(err, queue.ErrReplayed): // else a lost worker had started it
		return false, fmt.Errorf("start run of flow %d: %w", flow.Number, err)
	}
	m.at = at
	return false, s.record(ctx, flow.Number, *m, true)
}

// count counts the outcome of scheduled times.
func (s *Scheduler) count(flow *flows.Flow, outcome string, n int) {
	if n > 0 && s.config.Meter != nil {
		s.config.Meter.Times(flow.Number, outcome, n)
	}
}

// busy reports whether a run has not ended yet.
func (s *Scheduler) busy(ctx context.Context, run string) (bool, error) {
	if run == "" {
		return false, nil
	}
	state, err := s.config.State(ctx, run)
	if errors.Is(err, queue.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find last run: %w", err)
	}
	return !state.Terminal(), nil
}

// event is the event of a scheduled run.
type event struct {
	ScheduledAt time.Time       `json:"scheduled_at"` // with the offset of the schedule's zone
	Watermark   json.RawMessage `json:"watermark,omitempty"`
}

func (s *Scheduler) submission(ctx context.Context, flow *flows.Flow, at time.Time) (queue.Submission, error) {
	e := event{ScheduledAt: at}
	if flow.Schedule.Poll && s.config.Watermark != nil {
		mark, err := s.config.Watermark(ctx, flow)
		if err != nil {
			return queue.Submission{}, fmt.Errorf("read watermark of flow %d: %w", flow.Number, err)
		}
		e.Watermark = mark
	}
	data, err := json.Marshal(e)
	if err != nil {
		return queue.Submission{}, fmt.Errorf("encode event: %w", err)
	}
	sub := queue.SubmissionOf(flow)
	sub.ID, sub.Event = queue.NewRunID(flow.Queue), data
	sub.FairKey = s.fairKey(ctx, flow, data)
	sub.IdempotencyKey = &queue.IdempotencyKey{
		Key:    fmt.Sprintf("schedule %d %d", flow.Number, at.Unix()),
		Window: window(flow.Schedule, at),
		Reject: true, // also when the first run is no longer stored
	}
	return sub, nil
}

// fairKey renders the flow's run.fair_by. An error does not stop the schedule: the run has no fairness key then.
func (s *Scheduler) fairKey(ctx context.Context, flow *flows.Flow, data []byte) string {
	if flow.FairBy == nil {
		return ""
	}
	event, err := flows.DecodeJSON(data)
	var key string
	if err == nil {
		key, err = flow.FairKey(ctx, flows.Run{Event: event})
	}
	if err != nil {
		s.config.Log.Warn("run.fair_by of a scheduled run", "flow", flow.Number, "error", err)
		return ""
	}
	return key
}

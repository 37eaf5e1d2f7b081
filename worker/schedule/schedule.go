// Package schedule starts the scheduled runs of flows, each exactly once for the whole fleet.
package schedule

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

const (
	// lookEvery is the maximum delay until a change of a schedule is seen, besides that of the store.
	lookEvery = time.Second
	// claimFor is how long a worker may take to decide on a flow before others take over. Two concurrent decisions
	// start no run twice.
	claimFor = 10 * time.Second
	// onTime is the maximum delay of a run that counts as on time: as long as the replacement of a failed worker may
	// take. A later time is a missed one.
	onTime = time.Minute
)

// Flows are the deployed flows. *store.Flows implements it.
type Flows interface {
	List() []store.Deployment
	Find(ref string) (*flows.Flow, bool)
}

// Meter counts the outcome of scheduled times: "started", "skipped" because the previous run had not ended, "missed"
// because it was too late. *telemetry.Metrics implements it.
type Meter interface {
	Times(flow int64, outcome string, n int)
}

// Config configures a Scheduler. All but Watermark, Meter and Now are required.
type Config struct {
	Redis redis.UniversalClient // closed by its owner
	Log   *slog.Logger
	ID    string // of this worker, unique in the fleet
	Flows Flows

	// Submit stores and enqueues a run; queue.ErrReplayed means that its idempotency key is known. It must be safe to
	// repeat.
	Submit func(ctx context.Context, s queue.Submission) error
	// State returns the state of a run; queue.ErrNotFound when the run is no longer stored.
	State func(ctx context.Context, run string) (queue.State, error)
	// Watermark returns the end of the last poll of a flow as JSON; nil when there was none. A nil func: polls have
	// no watermark.
	Watermark func(ctx context.Context, flow *flows.Flow) ([]byte, error)

	// Meter counts the outcome of scheduled times; optional.
	Meter Meter

	// Now is the clock. Nil: the clock of Redis, which all workers share.
	Now func() time.Time
}

// Scheduler starts due runs. All workers of a fleet run one; any of them may decide on a flow.
//
// A time becomes a run in three steps: claim the flow, to save other workers the same work; submit the run with an
// idempotency key of flow and time, which makes it one run; set the flow's mark to the time. When a worker is lost in
// between, another one takes over after the end of the claim, and the idempotency key prevents a second run.
type Scheduler struct {
	config Config

	// Owned by Run.
	plans map[int64]plan
	ahead time.Duration // offset of Redis' clock from the local one
}

// plan is the next check of a flow.
type plan struct {
	schedule string
	since    time.Time // when the schedule took effect
	next     time.Time
}

// New returns a Scheduler.
func New(config Config) (*Scheduler, error) {
	if config.Redis == nil || config.Log == nil || config.ID == "" || config.Flows == nil || config.Submit == nil || config.State == nil {
		return nil, errors.New("new scheduler: Redis, Log, ID, Flows, Submit and State are required")
	}
	return &Scheduler{config: config, plans: map[int64]plan{}}, nil
}

// Run starts due runs until ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		wait, err := s.pass(ctx)
		if err != nil && !failing && ctx.Err() == nil { // logged once, not every second
			s.config.Log.Error("schedules cannot be kept", "error", err)
		}
		failing = err != nil
		timer.Reset(wait)
	}
}

// expectRuns decides on every due flow, and returns the time until the next one.
func (s *Scheduler) pass(ctx context.Context) (time.Duration, error) {
	come := s.come()
	err := s.decide(ctx, come)
	wait := lookEvery
	for _, p := range s.plans {
		wait = min(wait, p.next.Sub(s.now()))
	}
	if err != nil {
		wait = lookEvery
	}
	return max(wait, 0), err
}

// come returns the flows to check now. It drops the plans of flows without an active schedule.
func (s *Scheduler) come() []*flows.Flow {
	now := s.now()
	plans := make(map[int64]plan, len(s.plans))
	var come []*flows.Flow
	for _, head := range s.config.Flows.List() {
		if !head.Enabled || head.Schedule == "" {
			continue
		}
		p, known := s.plans[head.Number]
		if !known || p.schedule != head.Schedule || !p.since.Equal(inForce(head)) {
			p = plan{schedule: head.Schedule, since: inForce(head), next: now}
		}
		if !p.next.After(now) {
			p.next = now.Add(lookEvery) // until it is decided on
			if flow, ok := s.config.Flows.Find(strconv.FormatInt(head.Number, 10)); ok && flow.Schedule != nil {
				come = append(come, flow)
			}
		}
		plans[head.Number] = p
	}
	s.plans = plans
	return come
}

// inForce returns when a flow's schedule took effect.
func inForce(head store.Deployment) time.Time {
	if head.Since.IsZero() {
		return head.DeployedAt // flowStore by an older version, which did not store it
	}
	return head.Since
}

func (s *Scheduler) now() time.Time {
	if s.config.Now != nil {
		return s.config.Now()
	}
	return time.Now().Add(s.ahead)
}

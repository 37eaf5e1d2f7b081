// Package schedule starts the runs that flows ask for themselves at times of
// their own, each exactly once however many workers try.
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
	// lookEvery is how long a change of a flow's schedule may take to be seen,
	// beyond what the store needs.
	lookEvery = time.Second
	// claimFor is how long a worker may take to decide on a flow before others
	// take over. Two that decide at once start no run twice.
	claimFor = 10 * time.Second
	// onTime is how late a run may start that counts as in time: as long as a
	// worker that fails may need to be replaced. What is later was missed.
	onTime = time.Minute
)

// Flows are the deployed flows. *store.Flows is one.
type Flows interface {
	List() []store.Head
	Find(ref string) (*flows.Flow, bool)
}

// Meter counts what became of the times of a flow: "started", "skipped"
// because the run before had not ended, "missed" because it is too late to
// make up for them. *telemetry.Metrics is one.
type Meter interface {
	Times(flow int64, outcome string, n int)
}

// Config of a Scheduler. All but Watermark, Meter and Now are required.
type Config struct {
	Redis redis.UniversalClient // closed by whoever opened it
	Log   *slog.Logger
	ID    string // of this worker process, unique in the fleet
	Flows Flows

	// Submit stores and enqueues a run; queue.ErrReplayed says that its guard
	// was seen before. Safe to call again.
	Submit func(ctx context.Context, s queue.Submission) error
	// State says where a run is in its life; queue.ErrNotFound when nothing is
	// known of it any more.
	State func(ctx context.Context, run string) (queue.State, error)
	// Watermark is where the last poll of a flow ended, as JSON; nil when there
	// was none. nil: polls begin anew each time.
	Watermark func(ctx context.Context, flow *flows.Flow) ([]byte, error)

	// Meter counts the times of flows; nil: nobody does.
	Meter Meter

	// Now is the clock. Default: that of Redis, the same for all workers.
	Now func() time.Time
}

// Scheduler is one worker's part in starting runs. All workers of a fleet run
// one: whichever comes first decides.
//
// A time of a flow becomes a run in three steps: claim the flow, so that
// others do not work on the same for nothing; submit the run, guarded by flow
// and time, which is what makes it one run; move the flow's mark to the time.
// A worker that is lost between two of them is replaced when its claim is
// over, and the guard answers for what it had done.
type Scheduler struct {
	config Config

	// Owned by Run.
	plans map[int64]plan
	ahead time.Duration // of Redis' clock before ours
}

// plan is when a flow is to be looked at next.
type plan struct {
	schedule string
	since    time.Time // when the schedule came into force
	next     time.Time
}

// New makes a Scheduler.
func New(config Config) (*Scheduler, error) {
	if config.Redis == nil || config.Log == nil || config.ID == "" || config.Flows == nil || config.Submit == nil || config.State == nil {
		return nil, errors.New("new scheduler: Redis, Log, ID, Flows, Submit and State are required")
	}
	return &Scheduler{config: config, plans: map[int64]plan{}}, nil
}

// Run starts runs until ctx ends.
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
		if err != nil && !failing && ctx.Err() == nil { // say it once, not every second
			s.config.Log.Error("schedules cannot be kept", "error", err)
		}
		failing = err != nil
		timer.Reset(wait)
	}
}

// pass decides on every flow whose time has come, and returns how long there
// is nothing to do.
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

// come are the flows to look at now. Those that have no schedule in force are
// forgotten.
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
			p.next = now.Add(lookEvery) // unless it is decided on
			if flow, ok := s.config.Flows.Find(strconv.FormatInt(head.Number, 10)); ok && flow.Schedule != nil {
				come = append(come, flow)
			}
		}
		plans[head.Number] = p
	}
	s.plans = plans
	return come
}

// inForce is since when a flow's schedule is in force.
func inForce(head store.Head) time.Time {
	if head.Since.IsZero() {
		return head.DeployedAt // by a version that did not say more
	}
	return head.Since
}

func (s *Scheduler) now() time.Time {
	if s.config.Now != nil {
		return s.config.Now()
	}
	return time.Now().Add(s.ahead)
}

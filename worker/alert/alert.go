// Package alert does what follows when runs fail, or when something else has to be told, once for the whole fleet: it groups
// failures, starts the runs of on_failure, and those of flows with an alert trigger.
package alert

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

const (
	sendEvery = time.Second
	lookEvery = 10 * time.Second
	// turnFor is how long another worker waits for the one that sends alerts. Two of them at once send nothing twice.
	turnFor = 5 * time.Second
)

// Runs reads and starts runs, and reads queues. *queue.Client implements it.
type Runs interface {
	// Brief reads runs without their events, outputs and steps. Runs that are not stored are missing.
	Brief(ctx context.Context, ids []string) ([]queue.Record, error)
	Record(ctx context.Context, id string) (queue.Record, error)
	Start(ctx context.Context, s queue.Submission, at time.Time) (string, error)
	SetFailureRun(ctx context.Context, failed *queue.Record, run string) error
	Stats(ctx context.Context) ([]queue.Stats, error)
	Memory(ctx context.Context) (used, limit int64, err error)
}

// Flows are the deployed flows and their versions. *store.Flows implements it.
type Flows interface {
	List() []store.Deployment
	Find(ref string) (*flows.Flow, bool)
	Version(ctx context.Context, flow int64, version string) (*flows.Flow, error)
}

// Config configures a Handler. All fields but Expiries and Issuer are required.
type Config struct {
	Redis    redis.UniversalClient // stays the caller's
	Log      *slog.Logger
	ID       string // of this worker, unique in the fleet
	Runs     Runs
	Flows    Flows
	Failures *failure.Store
	// Expiries returns the ends of credentials, in UTC. Nil: no credential has one.
	Expiries func(ctx context.Context) ([]store.Expiry, error)
	Issuer   string // external base URL, for links to the console; empty: there are none
}

// Handler handles runs that have failed, and sends alerts while Run runs. Safe for concurrent use.
type Handler struct {
	config Config

	// Owned by Run.
	expiries   []store.Expiry
	expiriesAt time.Time // when they were read; zero: not since this worker has the turn
}

// New returns a Handler.
func New(config Config) (*Handler, error) {
	if config.Redis == nil || config.Log == nil || config.ID == "" || config.Runs == nil || config.Flows == nil || config.Failures == nil {
		return nil, errors.New("new failure handler: Redis, Log, ID, Runs, Flows and Failures are required")
	}
	return &Handler{config: config}, nil
}

// Run sends alerts until ctx ends. All workers of a fleet do; one of them at a time has the turn.
func (h *Handler) Run(ctx context.Context) error {
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	failing, looked := false, time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		all := h.rules()
		if len(all) == 0 {
			continue
		}
		ours, err := h.takeTurn(ctx)
		if !ours {
			h.expiriesAt = time.Time{} // another worker may see changes before this one has the turn
		}
		if ours && err == nil {
			now := time.Now()
			look := now.Sub(looked) >= lookEvery
			if look {
				looked = now
			}
			err = h.pass(ctx, all, look, now)
		}
		if err != nil && !failing && ctx.Err() == nil { // logged once, not every second
			h.config.Log.Error("alerts cannot be sent", "error", err)
		}
		failing = err != nil
	}
}

// takeTurn reports whether this worker has the turn, and keeps it.
func (h *Handler) takeTurn(ctx context.Context) (bool, error) {
	c := h.config.Redis
	if taken, err := c.SetNX(ctx, keyTurn, h.config.ID, turnFor).Result(); taken || err != nil {
		return taken, err
	}
	holder, err := c.Get(ctx, keyTurn).Result()
	if err != nil || holder != h.config.ID {
		return false, unlessNil("read turn", err)
	}
	return true, c.PExpire(ctx, keyTurn, turnFor).Err()
}

// pass starts the runs of alerts that are due, after a look at the conditions. One rule's error stops no other.
func (h *Handler) pass(ctx context.Context, all []rule, look bool, now time.Time) error {
	var failed []error
	for i := range all {
		r := &all[i]
		if look {
			holding, unknown, err := h.conditions(ctx, r, now)
			failed = append(failed, err, h.watch(ctx, r, holding, unknown, now))
		}
		failed = append(failed, h.send(ctx, r, now))
	}
	return errors.Join(failed...)
}

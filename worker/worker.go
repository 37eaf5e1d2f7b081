// Package worker turns tasks into finished runs: it executes flows on the
// queues that it serves.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/callback"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
)

// Versions finds the flow version that a run was pinned to when it was
// accepted. Safe for concurrent use.
type Versions interface {
	Version(ctx context.Context, flow int64, version string) (*flows.Flow, error)
}

// Config of a Worker. Redis, Log, Versions and at least one queue are required.
type Config struct {
	Redis    *redisconn.Conn
	Log      *slog.Logger
	Versions Versions

	// Paused returns since when a flow is paused: its runs are held. Zero: it
	// is not. It is asked for every run, so it must not block. Nil: no flow
	// is ever paused.
	Paused func(flow int64) time.Time

	// Ready says why this process must take no run; nil: it may. It must not
	// block. A nil func: it always may.
	Ready func() error

	// Queues are the queues that the worker serves, with their weights: the
	// share of Slots that each gets, at least one.
	Queues map[string]int

	// Shards are the queues that are spread: each shard gets its part of the
	// queue's share of the slots, at least one.
	Shards queue.Shards

	// Slots is the number of runs at once. Default 64.
	Slots int

	// Spare is the number of runs more that flows may execute which have next to
	// nothing in flight while others have all slots. Zero: a fourth of the slots of each
	// queue; negative: none.
	Spare int

	// Shares are the parts of a queue's slots, in percent, that one flow gets while
	// runs of others wait. Those that are not in it: 50.
	Shares map[string]int

	// Env is what runs may reach. Its Journal, Trace, Respond, Emit, Callbacks
	// and Parks are set for each run.
	Env flows.Env

	// Memory is the budget of the process: each run has an account with it, and
	// no run is taken while it has no room. Nil: runs have their own bounds only.
	Memory *budget.Process

	// Starter accepts the runs that flows start; nil, or an Env without Flows:
	// they cannot.
	Starter Starter

	// Callbacks signs the URLs of steps that wait for a call; nil: they fail.
	Callbacks *callback.Signer

	// Drain is how long a stopping worker lets runs finish before it hands
	// them back. Zero: the queue's default, 20 s. Shorter than the patience of
	// whatever stops the process.
	Drain time.Duration

	// Retention is how long ended runs are kept. Zero: the queue's default, 24 h.
	Retention time.Duration

	// Block is how long an idle queue waits in one call. Zero: the queue's
	// default, 4 s.
	Block time.Duration

	// Version is that of this build, for who looks at the fleet.
	Version string

	// Parked is told of each attempt that lets go of its run, and why:
	// "limit", "pause", or the kind of the step that waits. It must not block. Nil: nobody is told.
	Parked func(flow int64, why string)

	// Observers follow every attempt; Meter counts what goes wrong. Nil: nobody.
	Observers []Observer
	Meter     queue.Meter
}

// Worker serves queues, a bulkhead of slots for each: a slow queue cannot
// starve another.
type Worker struct {
	id      string
	servers []*queue.Server
	slots   map[string]int
}

// New opens a Worker. Close releases it.
func New(cfg Config) (*Worker, error) {
	if cfg.Redis == nil || cfg.Log == nil || cfg.Versions == nil || len(cfg.Queues) == 0 {
		return nil, fmt.Errorf("worker: Redis, Log, Versions and a queue are required")
	}
	if cfg.Slots == 0 {
		cfg.Slots = 64
	}
	total := 0
	for name, weight := range cfg.Queues {
		if weight < 1 {
			return nil, fmt.Errorf("worker: queue %q has weight %d; it must be at least 1", name, weight)
		}
		total += weight
	}
	host, _ := os.Hostname()
	w := &Worker{id: processID(host), slots: map[string]int{}}
	about := queue.About{Host: host, PID: os.Getpid(), Version: cfg.Version, Started: time.Now().UTC()}
	r := &runner{cfg: cfg, log: cfg.Log}
	for name, weight := range cfg.Queues {
		shards := cfg.Shards.Names(name)
		for _, shard := range shards {
			slots := max(1, cfg.Slots*weight/total/len(shards))
			w.slots[name] += slots
			s, err := queue.NewServer(queue.ServerConfig{
				Redis: cfg.Redis, Log: cfg.Log, Queue: shard, ID: w.id, Handler: r.handle,
				Slots: slots, Spare: spareSlots(cfg.Spare, weight, total*len(shards)), Share: cfg.Shares[name],
				Room:  cfg.Memory.Room,
				Drain: cfg.Drain, Retention: cfg.Retention, Block: cfg.Block, Meter: cfg.Meter, About: about,
				Ready: r.ready,
			})
			if err != nil {
				w.Close()
				return nil, fmt.Errorf("worker: %w", err)
			}
			w.servers = append(w.servers, s)
		}
	}
	return w, nil
}

// spareSlots is a queue's part of the spare slots that were asked for.
func spareSlots(spare, weight, total int) int {
	if spare <= 0 {
		return spare
	}
	return max(1, spare*weight/total)
}

// processID names this worker so that a person can find it, uniquely.
func processID(host string) string {
	host, _, _ = strings.Cut(host, ".")
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), uuid.NewString()[:8])
}

// ID names this worker process in run records.
func (w *Worker) ID() string { return w.id }

// Slots is how many runs of each queue the worker may execute at once.
func (w *Worker) Slots() map[string]int { return maps.Clone(w.slots) }

// Run serves the queues until ctx ends, and drains them.
func (w *Worker) Run(ctx context.Context) error {
	var all errgroup.Group
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, s := range w.servers {
		all.Go(func() error {
			defer cancel() // one that cannot start stops the others
			return s.Run(ctx)
		})
	}
	return all.Wait()
}

// Close releases the worker's connections. It must not be called while Run runs.
func (w *Worker) Close() error {
	var errs []error
	for _, s := range w.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

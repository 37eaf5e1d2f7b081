// Package worker executes flows on the queues that it serves: it turns each attempt into an outcome.
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
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/topic"
)

// Versions finds the flow version that a run is pinned to. Safe for concurrent use.
type Versions interface {
	Version(ctx context.Context, flow int64, version string) (*flows.Flow, error)
}

// Config configures a Worker. Redis, Log, Versions and at least one queue are required.
type Config struct {
	Redis    *redisconn.Conn
	Log      *slog.Logger
	Versions Versions

	// Paused returns the start of the pause of a flow, whose runs then wait; zero: the flow is not paused. It is
	// called for every run and must not block. A nil func: no flow is ever paused.
	Paused func(flow int64) time.Time

	// Ready returns the reason for which this process must not take runs; nil: it may. It must not block. A nil func:
	// it always may.
	Ready func() error

	// Queues maps the queues to serve to their weights. Each gets a share of Slots in proportion to its weight, at
	// least one slot.
	Queues map[string]int

	// Shards lists the queues with shards. Each shard gets an equal part of the queue's slots, at least one.
	Shards queue.Shards

	// Slots is the number of concurrent runs. Zero means 64.
	Slots int

	// Spare is the number of spare slots: concurrent runs beyond Slots for flows with next to nothing in flight while
	// other flows have all slots. Zero: a fourth of the slots of each queue; negative: none.
	Spare int

	// Shares maps a queue to the default share of a flow, in percent of the queue's slots, while runs of other flows
	// wait. For a missing queue it is 50.
	Shares map[string]int

	// Env is the environment of runs. Its Vars, Journal, Trace, Respond, Emit, Topics, Deliver, Callbacks and Parks are set for each run.
	Env flows.Env

	// Vars returns the values of the environment for the vars of flows, at the beginning of each attempt. Nil: there are none.
	Vars func() map[string]any

	// Memory is the memory budget of the process: each run has an account, and no run is taken while the budget has
	// no room. Nil: only the limits of each run apply.
	Memory *budget.Process

	// TooNew reports whether a flow is deployed which Env.Flows does not find because this binary cannot compile it. A run
	// that starts or calls such a flow goes back to its queue, for another worker. Nil: there is none.
	TooNew func(ref string) bool

	// Starter accepts the runs that flows start. Nil, or an Env without Flows: flows cannot start runs.
	Starter Starter

	// Topics publishes events of flows, with Starter and Env.Flows, and keeps which runs wait for one. Nil: such steps fail.
	Topics *topic.Topics

	// Callbacks signs the URLs of steps that wait for a call. Nil: such steps fail.
	Callbacks *callback.Signer

	// Webhooks accepts the webhooks that flows send. Nil: webhook steps fail.
	Webhooks *webhook.Store

	// Sender sends accepted webhooks: the worker then serves their queue, too, with the slots of the Sender. Nil: other
	// workers send them.
	Sender *webhook.Sender

	// Drain is how long a stopping worker waits for its runs before it hands them back. Zero means 20 s. It must be
	// shorter than the stop timeout of the process supervisor.
	Drain time.Duration

	// Retention is how long the record of a run is kept after its end. Zero means 24 h.
	Retention time.Duration

	// History says that ended runs go to a history, see queue.ServerConfig.
	History bool

	// Failed handles runs that have failed or timed out, see queue.ServerConfig. Nil: this worker handles none.
	Failed func(ctx context.Context, runs []string) error

	// Found records that a run of a poll has found something: it was started by the poll, and has put out an item. Optional.
	Found func(ctx context.Context, flow int64) error

	// Block is how long an idle queue waits in one blocking call. Zero means 4 s.
	Block time.Duration

	// Version is the version of this build, for the list of workers.
	Version string

	// Parked is called for each attempt that parks its run, with the reason: "limit", "pause", "retry", or the kind of the
	// waiting step. It must not block. Optional.
	Parked func(flow int64, why string)

	// Observers observe every attempt; Meter counts faults. Optional.
	Observers []Observer
	Meter     queue.Meter
}

// Worker serves queues, each with its own slots, so that a slow queue does not block the others.
type Worker struct {
	id      string
	servers []*queue.Server
	slots   map[string]int
}

// New returns a Worker. Close releases it.
func New(cfg Config) (*Worker, error) {
	if cfg.Redis == nil || cfg.Log == nil || cfg.Versions == nil || len(cfg.Queues) == 0 {
		return nil, fmt.Errorf("worker: Redis, Log, Versions and a queue are required")
	}
	if _, taken := cfg.Queues[webhook.Queue]; taken {
		return nil, fmt.Errorf("worker: the queue %q is that of webhooks, which --webhooks serves", webhook.Queue)
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
	r := &runner{cfg: cfg, log: cfg.Log, worker: w.id}
	for name, weight := range cfg.Queues {
		shards := cfg.Shards.Names(name)
		for _, shard := range shards {
			slots := max(1, cfg.Slots*weight/total/len(shards))
			w.slots[name] += slots
			err := w.serve(r, about, queue.ServerConfig{
				Queue: shard, Slots: slots, Spare: spareSlots(cfg.Spare, weight, total*len(shards)), Share: cfg.Shares[name],
				Failed: cfg.Failed,
			})
			if err != nil {
				return nil, err
			}
		}
	}
	if cfg.Sender != nil {
		w.slots[webhook.Queue] = cfg.Sender.Slots()
		err := w.serve(r, about, queue.ServerConfig{
			Queue: webhook.Queue, Slots: cfg.Sender.Slots(), Spare: -1, Others: cfg.Sender, RetryDelay: cfg.Sender.RetryDelay, DelayedTaskCheck: time.Second,
		})
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// serve adds a server for one queue, with what all servers have in common.
func (w *Worker) serve(r *runner, about queue.About, s queue.ServerConfig) error {
	cfg := &r.cfg
	s.Redis, s.Log, s.ID, s.Handler, s.Ready, s.About = cfg.Redis, cfg.Log, w.id, r.handle, r.ready, about
	s.Room, s.Drain, s.Retention, s.Block, s.Meter = cfg.Memory.Room, cfg.Drain, cfg.Retention, cfg.Block, cfg.Meter
	s.History = cfg.History
	server, err := queue.NewServer(s)
	if err != nil {
		_ = w.Close() // the first error is more useful
		return fmt.Errorf("worker: %w", err)
	}
	w.servers = append(w.servers, server)
	return nil
}

// spareSlots returns a queue's part of the configured spare slots.
func spareSlots(spare, weight, total int) int {
	if spare <= 0 {
		return spare
	}
	return max(1, spare*weight/total)
}

// processID returns a unique id that helps a person to find this worker.
func processID(host string) string {
	host, _, _ = strings.Cut(host, ".")
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), uuid.NewString()[:8])
}

// ID returns the id of this worker in run records.
func (w *Worker) ID() string { return w.id }

// Slots returns the number of slots of each queue.
func (w *Worker) Slots() map[string]int { return maps.Clone(w.slots) }

// Run serves the queues until ctx ends, and then drains them.
func (w *Worker) Run(ctx context.Context) error {
	var all errgroup.Group
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, s := range w.servers {
		all.Go(func() error {
			defer cancel() // when one cannot start, the others stop
			return s.Run(ctx)
		})
	}
	return all.Wait()
}

// Close releases the worker's connections. It must not be called during Run.
func (w *Worker) Close() error {
	var errs []error
	for _, s := range w.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

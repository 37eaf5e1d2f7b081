// Package consume receives the messages of flows whose trigger is a source of a module, and starts a run for each.
package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/lease"
	"github.com/penstock/penstock/internal/sleep"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

const (
	// lookEvery is the maximum delay until a change of a flow is seen, besides that of the store.
	lookEvery = time.Second
	// checkEvery is the time between two looks at the connection and the lease of a consumer.
	checkEvery = 5 * time.Second
	// leaseTTL is how long after the loss of a worker another one consumes instead of it.
	leaseTTL = 3 * checkEvery
	// minPause and maxPause bound the pause after a consumer failed. It doubles until the consumer has worked for maxPause.
	minPause = time.Second
	maxPause = 30 * time.Second
)

// Flows are the deployed flows. *store.Flows implements it.
type Flows interface {
	List() []store.Deployment
	Find(ref string) (*flows.Flow, bool)
}

// Runs accepts runs and waits for their end. *queue.Client implements it.
type Runs interface {
	Start(ctx context.Context, s queue.Submission, at time.Time) (run string, err error)
	Attach(ctx context.Context, run string) (*queue.Ticket, error)
}

// Meter counts messages by outcome: "accepted", "refused" because no run can hold them, "rejected" because their run failed.
// *telemetry.Metrics implements it.
type Meter interface {
	Message(flow int64, outcome string)
	// Consuming sets whether a consumer of the flow is connecting or connected in this process.
	Consuming(flow int64, on bool)
}

// Config configures Consumers. All but Meter are required.
type Config struct {
	Redis       redis.UniversalClient // closed by its owner
	Log         *slog.Logger
	ID          string // of this worker, unique in the fleet
	Flows       Flows
	Connections flows.Connections
	Runs        Runs
	Meter       Meter // optional
}

// Consumers runs one consumer of each enabled flow with a source of messages, unless the flow is paused. Every worker of a
// fleet has them: the servers divide the messages of a flow among its consumers. A source for which they cannot is consumed by
// the worker that has the flow's lease.
//
// A message becomes a run before it is acknowledged. When a worker is lost in between, the server sends the message again,
// and its idempotency key makes it the same run.
type Consumers struct {
	config Config

	running map[int64]*running // owned by Run
}

// running is the consumer of one version of a flow.
type running struct {
	version string
	stop    func() // ends it and waits for its end
}

// New returns Consumers.
func New(config Config) (*Consumers, error) {
	if config.Redis == nil || config.Log == nil || config.ID == "" || config.Flows == nil || config.Connections == nil || config.Runs == nil {
		return nil, errors.New("new consumers: Redis, Log, ID, Flows, Connections and Runs are required")
	}
	return &Consumers{config: config, running: map[int64]*running{}}, nil
}

// Run consumes until ctx ends.
func (c *Consumers) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		c.look(ctx)
		select {
		case <-ctx.Done():
			c.keepOnly(nil)
			return nil
		case <-tick.C:
		}
	}
}

// look starts and stops consumers, so that they are those of the deployed flows.
func (c *Consumers) look(ctx context.Context) {
	wanted := map[int64]*flows.Flow{}
	for _, head := range c.config.Flows.List() {
		if head.Source == "" || !head.Enabled || !head.Paused.IsZero() {
			continue
		}
		if flow, ok := c.config.Flows.Find(strconv.FormatInt(head.Number, 10)); ok && flow.Messages != nil {
			wanted[flow.Number] = flow
		}
	}
	c.keepOnly(wanted)
	for number, flow := range wanted {
		if c.running[number] == nil {
			c.running[number] = c.start(ctx, flow)
		}
	}
}

// keepOnly stops the consumers of all but these versions, and waits for their end.
func (c *Consumers) keepOnly(wanted map[int64]*flows.Flow) {
	var ending sync.WaitGroup
	for number, r := range c.running {
		if flow := wanted[number]; flow == nil || flow.Version != r.version {
			ending.Go(r.stop)
			delete(c.running, number)
		}
	}
	ending.Wait()
}

func (c *Consumers) start(ctx context.Context, flow *flows.Flow) *running {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.serve(ctx, flow)
	}()
	return &running{flow.Version, func() { cancel(); <-done }}
}

// serve consumes until ctx ends, again after each failure.
func (c *Consumers) serve(ctx context.Context, flow *flows.Flow) {
	log := c.config.Log.With("flow", flow.Number, "source", flow.Messages.Source, "connection", flow.Messages.Connection)
	pause, said := minPause, ""
	for ctx.Err() == nil {
		if flow.Messages.Exclusive && !c.awaitLease(ctx, flow) {
			return
		}
		begun := time.Now()
		log.Info("consuming messages")
		c.meterConsuming(flow, true)
		err := c.consume(ctx, flow)
		c.meterConsuming(flow, false)
		switch {
		case ctx.Err() != nil:
			log.Info("stopped consuming messages")
			return
		case errors.Is(err, errChanged):
			log.Info("consuming messages again", "reason", err)
			continue
		case time.Since(begun) > maxPause:
			pause, said = minPause, ""
		}
		if err == nil {
			err = errors.New("the connection ended")
		}
		if said != err.Error() { // once, not for every try
			log.Warn("messages cannot be consumed", "error", err)
		}
		said = err.Error()
		_ = sleep.For(ctx, pause)
		pause = min(2*pause, maxPause)
	}
}

// errChanged ends a consumer that is to begin again at once.
var errChanged = errors.New("the connection was changed, or another worker has the lease of the flow")

// consume runs the flow's consumer once.
func (c *Consumers) consume(ctx context.Context, flow *flows.Flow) (err error) {
	m := flow.Messages
	client, release, err := c.config.Connections.Client(ctx, m.Connection)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithCancelCause(ctx)
	d := newDelivery(ctx, &c.config, flow)
	var watching sync.WaitGroup
	watching.Go(func() { c.watch(ctx, flow, client, cancel) })
	defer func() {
		cancel(nil)
		d.runs.Wait()
		watching.Wait()
		if flow.Messages.Exclusive {
			c.lease(flow).Release(context.Background())
		}
		if r := recover(); r != nil { // an error of the module must not end the worker
			err = fmt.Errorf("the source panicked: %v", r)
		}
	}()
	err = m.Consumer.Consume(ctx, flows.Subscription{Flow: flow.Number, Client: client, InFlight: m.InFlight, Deliver: d.deliver})
	if cause := context.Cause(ctx); errors.Is(cause, errChanged) {
		return cause
	}
	return err
}

// watch ends a consumer whose connection was changed, or whose lease was lost.
func (c *Consumers) watch(ctx context.Context, flow *flows.Flow, client flows.Client, end context.CancelCauseFunc) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if flow.Messages.Exclusive {
			if mine, err := c.lease(flow).Take(ctx); !mine && err == nil {
				end(errChanged)
				return
			}
		}
		current, release, err := c.config.Connections.Client(ctx, flow.Messages.Connection)
		if err != nil { // the consumer works, or finds out itself
			continue
		}
		release()
		if current != client {
			end(errChanged)
			return
		}
	}
}

// lease lets one worker of the fleet consume the messages of a flow.
func (c *Consumers) lease(flow *flows.Flow) lease.Lease {
	return lease.Lease{Redis: c.config.Redis, Key: keyLease(flow.Number), Holder: c.config.ID, TTL: leaseTTL}
}

// awaitLease waits until this worker has the lease of a flow; false: ctx ended before.
func (c *Consumers) awaitLease(ctx context.Context, flow *flows.Flow) bool {
	for ctx.Err() == nil {
		if mine, err := c.lease(flow).Take(ctx); mine && err == nil {
			return true
		}
		_ = sleep.For(ctx, lookEvery)
	}
	return false
}

func (c *Consumers) meterConsuming(flow *flows.Flow, on bool) {
	if c.config.Meter != nil {
		c.config.Meter.Consuming(flow.Number, on)
	}
}

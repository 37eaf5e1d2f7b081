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
	// defaultDrain is Config.Drain unless it is set.
	defaultDrain = 10 * time.Second
	// changeDrain is the same for a consumer that another version, or another connection, follows in a process that goes on.
	changeDrain = time.Minute
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
	// Consuming sets whether a consumer of the flow in this process is connected, or waits until it is.
	Consuming(flow int64, on bool)
	// NotConsuming is called when this process has no consumer of the flow any more.
	NotConsuming(flow int64)
}

// Config configures Consumers. All but Meter and Drain are required.
type Config struct {
	Redis       redis.UniversalClient // closed by its owner
	Log         *slog.Logger
	ID          string // of this worker, unique in the fleet
	Flows       Flows
	Connections flows.Connections
	Runs        Runs
	Meter       Meter // optional
	// Drain is how long a stopping process lets the messages that are runs already be acknowledged, before it closes the
	// connections. Zero means 10 s.
	Drain time.Duration
}

// Consumers runs one consumer of each enabled flow with a source of messages, unless the flow is paused. Every worker of a
// fleet has them: the servers divide the messages of a flow among its consumers. A source for which they cannot is consumed by
// the worker that has the flow's lease.
//
// A message becomes a run before it is acknowledged. When a worker is lost in between, the server sends the message again,
// and its idempotency key makes it the same run. A server whose messages have no identity would make a second run of it: so
// a consumer that ends in order takes no more messages first, and keeps its connection until those that it has taken are
// acknowledged.
type Consumers struct {
	config Config

	running map[int64]*running // owned by Run
}

// running is the consumer of one version of a flow. Owned by Consumers.Run.
type running struct {
	version string
	drain   func()        // makes it take no more messages; it ends when those that it has taken are acknowledged
	abandon func()        // ends it at once
	done    chan struct{} // closed at its end

	draining bool
	limit    *time.Timer // calls abandon; nil: none is set
}

// end makes the consumer end after limit at the latest; 0: when its messages are acknowledged. A limit that was set remains.
func (r *running) end(limit time.Duration) {
	r.draining = true
	r.drain()
	if limit > 0 && r.limit == nil {
		r.limit = time.AfterFunc(limit, r.abandon)
	}
}

func (r *running) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// New returns Consumers.
func New(config Config) (*Consumers, error) {
	if config.Redis == nil || config.Log == nil || config.ID == "" || config.Flows == nil || config.Connections == nil || config.Runs == nil {
		return nil, errors.New("new consumers: Redis, Log, ID, Flows, Connections and Runs are required")
	}
	if config.Drain == 0 {
		config.Drain = defaultDrain
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
			for _, r := range c.running {
				r.end(c.config.Drain)
			}
			for _, r := range c.running {
				<-r.done
			}
			return nil
		case <-tick.C:
		}
	}
}

// look starts and ends consumers, so that they are those of the deployed flows.
func (c *Consumers) look(ctx context.Context) {
	wanted, paused := map[int64]*flows.Flow{}, map[int64]bool{}
	for _, head := range c.config.Flows.List() {
		paused[head.Number] = !head.Paused.IsZero()
		if head.Source == "" || !head.Enabled || paused[head.Number] {
			continue
		}
		if flow, ok := c.config.Flows.Find(strconv.FormatInt(head.Number, 10)); ok && flow.Messages != nil {
			wanted[flow.Number] = flow
		}
	}
	for number, r := range c.running {
		flow := wanted[number]
		switch {
		case r.ended():
			delete(c.running, number)
		case paused[number]: // its runs do not begin until it is resumed
			r.end(0)
		case flow == nil, r.draining, flow.Version != r.version:
			r.end(changeDrain)
		}
	}
	for number, flow := range wanted {
		if c.running[number] == nil {
			c.running[number] = c.start(ctx, flow)
		}
	}
}

func (c *Consumers) start(ctx context.Context, flow *flows.Flow) *running {
	ctx, abandon := context.WithCancel(context.WithoutCancel(ctx))
	taking, drain := context.WithCancel(ctx)
	r := &running{version: flow.Version, drain: drain, abandon: abandon, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		defer abandon()
		c.serve(ctx, taking, flow)
	}()
	return r
}

// serve consumes while taking, again after each failure. ctx ends the connection, and with it what is not acknowledged.
func (c *Consumers) serve(ctx, taking context.Context, flow *flows.Flow) {
	log := c.config.Log.With("flow", flow.Number, "source", flow.Messages.Source, "connection", flow.Messages.Connection)
	pause, said := minPause, ""
	ready := func() {
		log.Info("consuming messages")
		c.meter(func(m Meter) { m.Consuming(flow.Number, true) })
	}
	defer c.meter(func(m Meter) { m.NotConsuming(flow.Number) })
	for taking.Err() == nil {
		if flow.Messages.Exclusive && !c.awaitLease(taking, flow) {
			return
		}
		begun := time.Now()
		c.meter(func(m Meter) { m.Consuming(flow.Number, false) })
		client, err := c.consume(ctx, taking, flow, ready)
		switch {
		case taking.Err() != nil:
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
		if c.pause(taking, pause, flow, client) { // the connection was changed
			pause = minPause
		} else {
			pause = min(2*pause, maxPause)
		}
	}
}

// pause waits for a time, and ends early when the flow's connection is another one than that of client; true: it is.
func (c *Consumers) pause(ctx context.Context, d time.Duration, flow *flows.Flow, client flows.Client) (changed bool) {
	for end := time.Now().Add(d); ctx.Err() == nil; {
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		_ = sleep.For(ctx, min(left, lookEvery))
		current, release, err := c.config.Connections.Client(ctx, flow.Messages.Connection)
		if err != nil {
			continue
		}
		release()
		if current != client {
			return true
		}
	}
	return false
}

var (
	// errChanged ends a consumer that is to begin again at once.
	errChanged = errors.New("the connection was changed, or another worker has the lease of the flow")
	// errGone ends a consumer whose connection cannot be used any more.
	errGone = errors.New("the connection was deleted, or cannot be used any more")
)

// consume runs the flow's consumer once. client is that of its connection; nil: it has none.
func (c *Consumers) consume(ctx, taking context.Context, flow *flows.Flow, ready func()) (client flows.Client, err error) {
	m := flow.Messages
	client, release, err := c.config.Connections.Client(ctx, m.Connection)
	if err != nil {
		return nil, err
	}
	defer release()
	ctx, cancel := context.WithCancelCause(ctx)
	taking, changed := context.WithCancelCause(taking)
	d := newDelivery(ctx, &c.config, flow)
	var watching sync.WaitGroup
	watching.Go(func() { c.watch(ctx, flow, client, cancel, changed) })
	watching.Go(func() {
		select {
		case <-taking.Done():
			c.config.Log.Info("taking no more messages", "flow", flow.Number)
			d.drain()
			cancel(context.Cause(taking))
		case <-ctx.Done():
		}
	})
	defer func() {
		cancel(nil)
		changed(nil)
		d.runs.Wait()
		watching.Wait()
		c.meter(func(m Meter) { m.Consuming(flow.Number, false) }) // before another worker has the lease
		if flow.Messages.Exclusive {
			c.lease(flow).Release(context.Background())
		}
		if r := recover(); r != nil { // an error of the module must not end the worker
			err = fmt.Errorf("the source panicked: %v", r)
		}
	}()
	err = m.Consumer.Consume(ctx, flows.Subscription{Flow: flow.Number, Client: client, InFlight: m.InFlight, Ready: sync.OnceFunc(ready), Deliver: d.deliver})
	if cause := context.Cause(ctx); errors.Is(cause, errChanged) || errors.Is(cause, errGone) {
		return client, cause
	}
	return client, err
}

// watch calls changed, and a minute later end, when the connection was changed or deleted. When the lease was lost, it calls end at once:
// another worker has the messages.
func (c *Consumers) watch(ctx context.Context, flow *flows.Flow, client flows.Client, end, changed context.CancelCauseFunc) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	limit := time.Time{} // of a connection that was changed
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
		if !limit.IsZero() {
			if time.Now().After(limit) {
				end(errChanged)
				return
			}
			continue
		}
		current, release, err := c.config.Connections.Client(ctx, flow.Messages.Connection)
		if err == nil {
			release()
		}
		switch {
		case err == nil && current != client:
			limit = time.Now().Add(changeDrain)
			changed(errChanged)
		case isFinal(err):
			limit = time.Now().Add(changeDrain)
			changed(errGone)
		}
	}
}

// isFinal reports whether an error of a connection says that there is none that could be used. While Redis does not answer, the consumer goes on.
func isFinal(err error) bool {
	var known *flows.Error
	return errors.As(err, &known) && known.Class != flows.ClassNetwork && known.Class != flows.ClassTimeout
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

func (c *Consumers) meter(with func(Meter)) {
	if c.config.Meter != nil {
		with(c.config.Meter)
	}
}

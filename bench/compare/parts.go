package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
)

// Names of the contenders in the report.
const (
	handOffFlow = "hand-off + flow" // push, blocking pop, the flow, reply: the minimum with Redis
	ours        = "penstock"
	asynq1ms    = "asynq 1 ms"
	asynq10ms   = "asynq 10 ms"
	asynqUsual  = "asynq defaults" // polls once a second
	noQueue     = "no queue"       // the flow in the API process
)

// queuePath measures from submission to the result at the waiter, in this process; workers and Redis are separate
// processes.
func (b *bench) queuePath(ctx context.Context) error {
	conn, err := redisconn.Parse(b.redisURL(0))
	if err != nil {
		return err
	}
	var all []*contender
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	add := func(c *contender, roles ...string) error {
		all = append(all, c)
		return b.start(c, roles...)
	}

	floor := newRaw(conn)
	if err := add(&contender{name: handOffFlow, patterns: []string{"hot", "idle"}, call: callThrough(floor.submit, b.workload.event)}, "raw-worker:flow"); err != nil {
		return err
	}
	client, err := queue.NewClient(queue.Config{Redis: conn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	go func() { _ = client.Run(running) }()
	if err := add(&contender{name: ours, call: callThrough(penstock(client), b.workload.event), close: func() { stop(); client.Close() }}, "penstock-worker"); err != nil {
		return err
	}
	for _, p := range pollers {
		plain, err := newPlain(ctx, conn, p.name)
		if err != nil {
			return err
		}
		c := &contender{name: p.name, patterns: p.patterns, polls: true, slow: p.slow, call: callThrough(plain.submit, b.workload.event)}
		if err := add(c, p.role()); err != nil {
			return err
		}
	}
	return b.interleave(ctx, "queue", all)
}

// poller is plain asynq with one polling interval.
type poller struct {
	name     string
	interval string
	patterns []string
	slow     bool
}

func (p poller) role() string { return "asynq-worker:" + p.interval + ":" + p.name }

var pollers = []poller{
	{name: asynqUsual, interval: "1s", patterns: []string{"hot", "idle", "64"}, slow: true},
	{name: asynq10ms, interval: "10ms"},
	{name: asynq1ms, interval: "1ms"},
}

// start starts a contender's children.
func (b *bench) start(c *contender, roles ...string) error {
	for _, role := range roles {
		child, err := b.startRole(role, c.db)
		if err != nil {
			return err
		}
		c.children = append(c.children, child)
	}
	return nil
}

// door measures with HTTP and authentication. Every contender has the same front door with another way to submit.
func (b *bench) door(ctx context.Context) error {
	contenders := []*contender{{name: handOffFlow, patterns: []string{"hot", "idle"}}, {name: ours}, {name: noQueue}}
	for _, p := range pollers {
		contenders = append(contenders, &contender{name: p.name, patterns: p.patterns, polls: true, slow: p.slow})
	}
	return b.throughDoor(ctx, "door", contenders)
}

// effects measures a flow that sends three requests to another service.
func (b *bench) effects(ctx context.Context) error {
	service, err := b.startRole("target", 0)
	if err != nil {
		return err
	}
	defer service.stop()
	b.target = service.addr
	return b.throughDoor(ctx, "effects", few("hot", "8", "64"))
}

// large measures an event of 1 MiB.
func (b *bench) large(ctx context.Context) error {
	contenders := few("hot", "8")
	for _, c := range contenders {
		c.slow = true
	}
	return b.throughDoor(ctx, "large", contenders)
}

// few returns the contenders of the parts that measure the work instead of the wake-up.
func few(patterns ...string) []*contender {
	return []*contender{
		{name: ours, patterns: patterns},
		{name: noQueue, patterns: patterns},
		{name: asynq1ms, patterns: patterns, polls: true},
	}
}

// throughDoor measures contenders, each behind its own front door.
func (b *bench) throughDoor(ctx context.Context, part string, contenders []*contender) error {
	defer func() {
		for _, c := range contenders {
			c.stop()
		}
	}()
	for _, c := range contenders {
		if err := b.start(c, rolesBehindDoor(c.name)...); err != nil {
			return err
		}
		c.call = callDoor(c.children[0].addr, 1, b.workload.event)
	}
	return b.interleave(ctx, part, contenders)
}

// rolesBehindDoor returns the processes of a contender, the front door first.
func rolesBehindDoor(contender string) []string {
	switch contender {
	case handOffFlow:
		return []string{"door:raw", "raw-worker:flow"}
	case ours:
		return []string{"door:penstock", "penstock-worker"}
	case noQueue:
		return []string{"door:process"}
	}
	i := slices.IndexFunc(pollers, func(p poller) bool { return p.name == contender })
	return []string{"door:asynq:" + contender, pollers[i].role()}
}

// idle measures the cost of idle workers and Redis: processor time and commands.
func (b *bench) idle(ctx context.Context) error {
	for _, c := range []struct {
		name  string
		role  string
		count int
	}{
		{"Redis alone", "", 0},
		{"asynq defaults, 1 worker", "asynq-worker:1s:" + asynqUsual, 1},
		{"penstock, 1 worker", "penstock-worker", 1},
		{"asynq defaults, 50 workers", "asynq-worker:1s:" + asynqUsual, 50},
		{"penstock, 50 workers", "penstock-worker", 50},
	} {
		fmt.Fprintf(os.Stderr, "\r\033[Kidle: %s", c.name)
		if err := b.idleOf(ctx, c.name, c.role, c.count); err != nil {
			return err
		}
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	return nil
}

func (b *bench) idleOf(ctx context.Context, name, role string, count int) error {
	c := &contender{name: name}
	defer c.stop()
	for range count {
		if err := b.start(c, role); err != nil {
			return err
		}
	}
	if err := pause(ctx, 3*time.Second); err != nil { // until start-up work is done
		return err
	}
	before, err := b.usage(ctx, c)
	if err != nil {
		return err
	}
	span := max(10*b.cfg.Slice, 10*time.Second)
	if err := pause(ctx, span); err != nil {
		return err
	}
	after, err := b.usage(ctx, c)
	if err != nil {
		return err
	}
	b.report.idle(name, after.cpu.minus(before.cpu).total().Seconds()/span.Seconds(), float64(after.commands-before.commands)/span.Seconds())
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

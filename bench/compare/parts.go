package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"io"
	"log/slog"

	"penstock/internal/redisconn"
	"penstock/queue"
)

type counter struct{ n atomic.Int64 }

func (c *counter) next() string { return strconv.FormatInt(c.n.Add(1), 10) }

// Names of the contenders, as the report shows them.
const (
	handOff     = "hand-off"        // push, blocking pop, reply: Redis' own floor
	handOffFlow = "hand-off + flow" // the same with the flow between pop and reply
	ours        = "penstock"        //
	asynqPlain  = "asynq defaults"  //
	asynq10ms   = "asynq 10 ms"     //
	asynq1ms    = "asynq 1 ms"      //
	noQueue     = "no queue"        // the flow in the door's process
	lowLoad     = "hot,idle"        //
)

// queuePath measures from submission to the result at the waiter, in this
// process; workers and Redis are processes of their own.
func (b *bench) queuePath(ctx context.Context) error {
	conn, err := redisconn.Parse("redis://" + b.redis.addr)
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
	if err := add(&contender{name: handOffFlow, patterns: []string{"hot", "idle"}, call: callThrough(floor.submit)}, "raw-worker:flow"); err != nil {
		return err
	}
	client, err := queue.NewClient(queue.Config{Redis: conn, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	go func() { _ = client.Run(running) }()
	if err := add(&contender{name: ours, call: callThrough(penstock(client)), close: func() { stop(); client.Close() }}, "penstock-worker"); err != nil {
		return err
	}
	plain, err := newPlain(ctx, conn)
	if err != nil {
		return err
	}
	if err := add(&contender{name: asynq1ms, call: callThrough(plain.submit)}, "asynq-worker:1ms"); err != nil {
		return err
	}
	return b.interleave(ctx, "queue", all)
}

// start starts a contender's children.
func (b *bench) start(c *contender, roles ...string) error {
	for _, role := range roles {
		child, err := b.startRole(role)
		if err != nil {
			return err
		}
		c.children = append(c.children, child)
	}
	return nil
}

// door measures through HTTP and authentication; every contender has the same
// door, over another way to submit.
func (b *bench) door(ctx context.Context) error {
	var all []*contender
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	for _, c := range []struct {
		name     string
		worker   string
		over     string
		patterns []string
	}{
		{handOffFlow, "raw-worker:flow", "raw", []string{"hot", "idle"}},
		{ours, "penstock-worker", "penstock", nil},
		{asynq1ms, "asynq-worker:1ms", "asynq", nil},
		{noQueue, "", "process", nil},
	} {
		contender := &contender{name: c.name, patterns: c.patterns}
		all = append(all, contender)
		roles := []string{"door:" + c.over}
		if c.worker != "" {
			roles = append(roles, c.worker)
		}
		if err := b.start(contender, roles...); err != nil {
			return err
		}
		contender.call = callDoor(contender.children[0].addr)
	}
	return b.interleave(ctx, "door", all)
}

// idle measures what nobody's work costs: processor time of workers and Redis.
func (b *bench) idle(ctx context.Context) error {
	for _, c := range []struct {
		name  string
		role  string
		count int
	}{
		{"asynq defaults, 1 worker", "asynq-worker:1s", 1},
		{"penstock, 1 worker", "penstock-worker", 1},
		{"asynq defaults, 50 workers", "asynq-worker:1s", 50},
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
	if err := pause(ctx, 3*time.Second); err != nil { // let them settle
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

// stored shows that a run costs the same however many are stored.
func (b *bench) stored(ctx context.Context) error { return nil }

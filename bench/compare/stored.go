package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// levels are the numbers of stored runs of the stored part.
var levels = []int{1_000, 100_000, 1_000_000}

// stored shows that the cost of a run is independent of the number of stored runs.
func (b *bench) stored(ctx context.Context) error {
	conn, err := redisconn.Parse(b.redisURL(0))
	if err != nil {
		return err
	}
	client, err := queue.NewClient(queue.Config{Redis: conn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	go func() { _ = client.Run(running) }()
	c := &contender{call: callThrough(penstock(client), b.workload.event), close: func() { stop(); client.Close() }}
	defer c.stop()
	if err := b.start(c, "penstock-worker"); err != nil {
		return err
	}
	have := 0
	for _, level := range levels {
		fmt.Fprintf(os.Stderr, "\r\033[Kstored: filling up to %d runs", level)
		if err := fill(ctx, conn, have, level); err != nil {
			return err
		}
		have = level
		c.name = fmt.Sprintf("penstock, %d stored", level)
		if err := b.interleave(ctx, "stored", []*contender{c}); err != nil {
			return err
		}
	}
	return nil
}

// fill stores ended runs in the form in which a worker leaves them.
func fill(ctx context.Context, conn *redisconn.Conn, from, to int) error {
	client := conn.Client()
	defer client.Close()
	const batch = 1000
	event, now := small.event, time.Now()
	for ; from < to; from += batch {
		pipe := client.Pipeline()
		for i := range batch {
			id := queue.NewRunID(queueName)
			key := "penstock:{" + queueName + "}:run:" + id
			us := strconv.FormatInt(now.UnixMicro(), 10)
			pipe.HSet(ctx, key, "state", "succeeded", "spec", "1\x1f3\x1fv\x1fkey:compare\x1f"+us+"\x1f20000000000\x1f1\x1f\x1f\x1f\x1f",
				"event", event, "at", us, "reply", id, "deadline", us, "fence", 1, "worker", "compare", "started", us,
				"output", event, "error", "", "steps", "{}", "finished", us)
			pipe.Expire(ctx, key, time.Hour)
			pipe.RPush(ctx, "penstock:{"+queueName+"}:ended", id)
			pipe.ZAdd(ctx, "penstock:{"+queueName+"}:index", redis.Z{Score: float64(now.UnixMilli() - int64(to-from-i)), Member: id})
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	return nil
}

// deployedFlows are the numbers of deployed flows of the flows part.
var deployedFlows = []int{1, 100, 1_000}

// firstFlow is the number of the first flow, as in the sample's file.
const firstFlow = 3

// deployed shows that the cost of a run is independent of the number of deployed flows. Each number has its own
// database; calls go to all its flows in turn.
func (b *bench) deployed(ctx context.Context) error {
	var all []*contender
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	for i, n := range deployedFlows {
		fmt.Fprintf(os.Stderr, "\r\033[Kflows: deploying %d", n)
		c := &contender{name: fmt.Sprintf("penstock, %d flows", n), db: i + 1}
		all = append(all, c)
		if err := b.deploy(ctx, c.db, n); err != nil {
			return err
		}
		if err := b.start(c, "stored-door:penstock", "stored-penstock-worker"); err != nil {
			return err
		}
		c.call = callDoor(c.children[0].addr, n, b.workload.event)
	}
	return b.interleave(ctx, "flows", all)
}

// deploy deploys the sample flow n times with distinct numbers and slugs.
func (b *bench) deploy(ctx context.Context, db, n int) error {
	conn, err := redisconn.Parse(b.redisURL(db))
	if err != nil {
		return err
	}
	client := conn.Client()
	defer client.Close()
	s, err := openStore(ctx, client)
	if err != nil {
		return err
	}
	for number := firstFlow; number < firstFlow+n; number++ {
		text := strings.NewReplacer("flow: "+strconv.Itoa(firstFlow), "flow: "+strconv.Itoa(number), "slug: three-steps", "slug: three-steps-"+strconv.Itoa(number))
		flow, err := flows.Parse("flow.yaml", []byte(text.Replace(string(small.source))), steps.Catalogue())
		if err != nil {
			return err
		}
		if _, err := s.Flows().Deploy(ctx, flow); err != nil {
			return err
		}
	}
	return nil
}

// openStore opens the product's store of flows with a dummy master key.
func openStore(ctx context.Context, client redis.UniversalClient) (*store.Store, error) {
	sealer, err := store.NewSealer(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Config{Redis: client, Sealer: sealer, Catalogue: steps.Catalogue(), Log: slog.New(slog.DiscardHandler)})
}

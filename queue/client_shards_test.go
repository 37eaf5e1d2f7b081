package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/testenv"
)

const spreadOver = 8

// newShardedTestQueue returns a testQueue whose queue is spread over the primaries of a Cluster,
// with a server for each shard.
func newShardedTestQueue(t *testing.T) (*testQueue, *testenv.RedisCluster) {
	t.Helper()
	cluster := testenv.Cluster(t)
	r := newTestQueue(t, cluster.URL())
	client, err := NewClient(Config{Redis: r.conn, Log: slog.New(slog.DiscardHandler), Shards: Shards{"default": spreadOver}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	r.client = client
	id := NewRunID("worker")
	for _, shard := range client.cfg.Shards.Names("default") {
		r.worker(echo, func(c *ServerConfig) { c.Queue, c.Slots, c.ID = shard, 2, id })
	}
	return r, cluster
}

// shardOf returns the shard of a run.
func (r *testQueue) shardOf(ticket *Ticket) string {
	r.t.Helper()
	for _, shard := range r.client.cfg.Shards.Names("default") {
		if n, err := r.redis.Exists(r.t.Context(), keysOf(shard).runPrefix()+ticket.RunID()).Result(); err == nil && n == 1 {
			return shard
		}
	}
	r.t.Fatalf("run %s is on no shard", ticket.RunID())
	return ""
}

func TestAQueueIsSpreadOverACluster(t *testing.T) {
	t.Parallel()
	r, cluster := newShardedTestQueue(t)
	const runs = 200
	used := map[string]int{}
	for range runs {
		ticket := r.submit(Submission{Spec: spec()})
		if got := r.wait(ticket); got.State != Succeeded {
			t.Fatalf("run %s: %+v", ticket.RunID(), got)
		}
		record, err := r.client.Record(t.Context(), ticket.RunID())
		if err != nil || record.Queue != "default" {
			t.Fatalf("record %+v, %v", record, err)
		}
		used[r.shardOf(ticket)]++
	}
	for _, shard := range r.client.cfg.Shards.Names("default") {
		if n := used[shard]; n < runs/spreadOver/4 {
			t.Errorf("shard %s has %d of %d runs", shard, n, runs)
		}
	}
	for i, node := range cluster.Nodes {
		if keys, err := node.Client().Keys(t.Context(), "penstock:{default*:run:*").Result(); err != nil || len(keys) < runs/20 {
			t.Errorf("primary %d has %d of %d runs, %v", i, len(keys), runs, err)
		}
	}
	listed := 0
	if _, _, err := r.client.List(t.Context(), List{Queues: []string{"default"}}, func(*Record) { listed++ }); err != nil || listed != runs {
		t.Errorf("the list has %d runs, %v", listed, err)
	}
}

// Equal idempotency keys share a shard, and so do the runs of a flow with concurrency limits.
func TestWhatMustMeetIsOnOneShard(t *testing.T) {
	t.Parallel()
	r, _ := newShardedTestQueue(t)
	guarded := map[string]bool{}
	for n := range 20 {
		s := Submission{Spec: spec(), IdempotencyKey: &IdempotencyKey{Key: fmt.Sprint("key-", n), Window: time.Minute}}
		first, again := r.submit(s), r.submit(s)
		if first.RunID() != again.RunID() || !again.Attached() {
			t.Errorf("one key, runs %s and %s", first.RunID(), again.RunID())
		}
		r.wait(first)
		guarded[r.shardOf(first)] = true

		gated := r.submit(Submission{Spec: spec(), Limited: true})
		if !onQueue(gated.RunID(), "default") {
			t.Errorf("a run with gates is not on the first shard")
		}
	}
	if len(guarded) < 3 {
		t.Errorf("20 keys are on the shards %v", guarded)
	}
}

// Stats show one queue, and a pause applies to all its shards.
func TestShardsAreOneQueue(t *testing.T) {
	t.Parallel()
	r, _ := newShardedTestQueue(t)
	ctx := t.Context()
	for range spreadOver * 4 {
		r.wait(r.submit(Submission{Spec: spec()}))
	}
	if err := r.client.Pause(ctx, "default"); err != nil {
		t.Fatal(err)
	}
	var tickets []*Ticket
	for range 40 {
		tickets = append(tickets, r.submit(Submission{Spec: spec()}))
	}
	want := Stats{Queue: "default", Shards: spreadOver, Pending: 40, Open: 40, Paused: true, Workers: 1, Processed: spreadOver * 4}
	testenv.Eventually(t, func() string { // what a worker has in its hand comes back, and the figures of the day come after an answer
		all, err := r.client.Stats(ctx)
		if err != nil || len(all) != 1 {
			t.Fatalf("stats %+v, %v", all, err)
		}
		all[0].Pending += all[0].InLine // a shard that got many runs has a line
		all[0].Oldest, all[0].InLine = 0, 0
		return cmp.Diff(want, all[0])
	})
	workers, err := r.client.Workers(ctx)
	if err != nil || len(workers) != 1 || cmp.Diff([]WorkerQueue{{"default", 2 * spreadOver}}, workers[0].Queues) != "" {
		t.Errorf("workers %+v, %v", workers, err)
	}
	if err := r.client.Resume(ctx, "default"); err != nil {
		t.Fatal(err)
	}
	for _, ticket := range tickets {
		r.wait(ticket)
	}
	if err := r.client.Pause(ctx, "nowhere"); !errors.Is(err, ErrNotFound) {
		t.Errorf("pausing no queue: %v", err)
	}
}

// Stats report a shard without workers once a task waits there, and leave out a shard
// that is not used any more.
func TestAShardThatNobodyServesIsTold(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(echo)
	r.wait(r.submit(Submission{Spec: spec()})) // the worker is listed
	stats := func() Stats {
		t.Helper()
		all, err := r.client.Stats(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("stats %+v, %v", all, err)
		}
		return all[0]
	}
	if err := r.redis.SAdd(t.Context(), asynqQueues, "default~1").Err(); err != nil {
		t.Fatal(err)
	}
	if s := stats(); s.Shards != 1 || s.Workers != 1 {
		t.Errorf("with an old shard: %+v", s)
	}
	s := Submission{Spec: spec()}
	s.Queue = "default~1"
	r.submit(s).Close()
	if s := stats(); s.Shards != 2 || s.Workers != 0 || s.Pending != 1 {
		t.Errorf("with work on a shard that nobody serves: %+v", s)
	}
}

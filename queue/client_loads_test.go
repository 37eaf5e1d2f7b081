package queue

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// Loads count the runs of each worker, and tell those that are drained or have been killed.
func TestLoads(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx := t.Context()
	begun, release := make(chan struct{}), make(chan struct{})
	r.worker(func(context.Context, *Attempt) Outcome {
		begun <- struct{}{}
		<-release
		return Outcome{State: Succeeded, Output: []byte("[]")}
	}, func(c *ServerConfig) {
		c.ID, c.About = "w-busy", About{Host: "b", PID: 7, Version: "2", Started: time.Unix(1795280000, 0).UTC()}
	})
	var tickets []*Ticket
	for range 3 {
		tickets = append(tickets, r.submit(Submission{Spec: spec()}))
		testenv.Receive(t, begun, "an attempt")
	}
	seen := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	k := keysOf("default")
	if err := r.redis.ZAdd(ctx, k.workers(), redis.Z{Score: float64(seen.UnixMilli()), Member: "w-dead"}).Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.redis.SAdd(ctx, k.drain(), "w-busy").Err(); err != nil {
		t.Fatal(err)
	}
	all, err := r.client.Loads(ctx)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	if dead := all[0]; dead.ID != "w-dead" || !dead.Lost || dead.Busy != 0 || !dead.Seen.Equal(seen) {
		t.Errorf("the killed worker is %+v", dead)
	}
	busy := all[1]
	if busy.Lost || !busy.Draining || busy.Busy != 3 || busy.Host != "b" || busy.Version != "2" || cmp.Diff([]WorkerQueue{{"default", 8}}, busy.Queues) != "" {
		t.Errorf("the busy worker is %+v", busy)
	}
	close(release)
	for _, ticket := range tickets {
		r.wait(ticket)
	}
}

// An installation that no worker has ever joined has no workers.
func TestLoadsWithoutQueues(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	if all, err := r.client.Loads(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// Runs of the history are listed and read while Redis does not answer.
func TestArchivedRunsWithoutRedis(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	r := newTestQueue(t, server.URL())
	h := &fakeHistory{runs: map[string]Archived{}}
	r.client.cfg.History = h
	ctx := t.Context()
	stop := r.worker(echo)
	var ids []string
	for range 3 {
		ticket := r.submit(Submission{Spec: spec()})
		r.wait(ticket)
		ids = append(ids, ticket.RunID())
	}
	r.archive(h)
	stop()
	server.Kill()
	var got []string
	next, more, err := r.client.ListArchived(ctx, List{Most: 2}, func(r *Record) { got = append(got, r.ID) })
	if err != nil || !more || cmp.Diff([]string{ids[2], ids[1]}, got) != "" || next.ID != ids[1] {
		t.Fatalf("the first two are %v, %v, %v, %v", got, next, more, err)
	}
	if _, more, err = r.client.ListArchived(ctx, List{Most: 2, After: next}, func(r *Record) { got = append(got, r.ID) }); err != nil || more || len(got) != 3 || got[2] != ids[0] {
		t.Errorf("then there are %v, %v, %v", got, more, err)
	}
	record, err := r.client.RecordArchived(ctx, ids[0])
	if err != nil || record.State != Succeeded || string(record.Event) != `{"n": 1}` {
		t.Errorf("the record is %+v, %v", record, err)
	}
}

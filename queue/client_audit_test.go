package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// sound checks that an audit finds nothing.
func (r *testQueue) sound() {
	r.t.Helper()
	faults, _, err := r.client.Audit(context.Background(), "default")
	if err != nil || len(faults) > 0 {
		r.t.Errorf("audit: %v %v", faults, err)
	}
}

func TestAuditOfAQueueAtWork(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	release := make(chan struct{})
	r.worker(hanging(release), func(c *ServerConfig) { c.Slots = 4 })
	r.slotsKnown("4")
	var all []*Ticket
	for i := range 40 {
		all = append(all, r.submit(of(1, i%2 == 0)))
	}
	r.eventually("four execute", func() bool { return r.begun() == 4 })
	r.sound()
	close(release)
	for _, ticket := range all {
		r.wait(ticket)
	}
	r.nothingLeft()
	r.sound()
}

// Every rule names what breaks it.
func TestAuditNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, k := t.Context(), keysOf("default")
	id := func(i int) string { return fmt.Sprintf("%036d", i) }
	run := func(i int, fields ...any) { r.redis.HSet(ctx, k.runPrefix()+id(i), fields...) }
	r.redis.SAdd(ctx, asynqQueues, "default")
	run(1, "state", "running", "fence", 1, "worker", "w")
	run(2, "state", "succeeded", "fence", 1)
	run(3, "state", "queued")
	r.redis.ZAdd(ctx, k.due(), redis.Z{Member: id(3)}, redis.Z{Member: id(4)}, redis.Z{Member: id(5)})
	run(4, "state", "waiting", "fence", 1)
	r.redis.SAdd(ctx, k.flight(7), id(4))
	run(5, "state", "queued", "fence", 2)
	r.redis.HSet(ctx, k.taskPrefix()+taskID(id(5), 2), "state", "pending")
	r.redis.ZAdd(ctx, k.begun(), redis.Z{Member: "w " + taskID(id(5), 1)})
	r.redis.HSet(ctx, k.taskPrefix()+taskID(id(6), 1), "state", "pending")
	r.redis.ZAdd(ctx, k.ours+"gate:g:inside", redis.Z{Member: id(7)})
	r.redis.SAdd(ctx, k.groups(), "flow-9-waited-x", "another")
	faults, runs, err := r.client.Audit(ctx, "default")
	if err != nil || runs != 5 {
		t.Fatalf("%d runs, %v", runs, err)
	}
	var got []string
	for _, f := range faults {
		got = append(got, strings.TrimLeft(f.Run, "0")+" "+f.Rule)
	}
	slices.Sort(got)
	want := []string{
		" the line flow-9-waited-x is in no order of turns",
		"1 is running and listed for no worker",
		"1 is running and not due: no worker will look at it",
		"2 is succeeded and neither due nor indexed: it is never removed",
		"3 is queued and has no task",
		"4 counts as one of flow 7 in flight and is not",
		"5 is listed as executing on w and does not",
		"6 has a task and no record",
		"7 stands at a concurrency limit and has no record",
	}
	if !slices.Equal(got, want) {
		t.Errorf("faults\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

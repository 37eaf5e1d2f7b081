package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// of returns a submission of a flow; sync: a caller waits for it.
func of(flow int64, sync bool) Submission {
	s := spec()
	s.Flow, s.Sync = flow, sync
	return Submission{Spec: s}
}

// hanging is a handler whose runs of flow 1 end when release is closed; those of
// other flows end at once.
func hanging(release <-chan struct{}) Handler {
	return func(ctx context.Context, a *Attempt) Outcome {
		if a.Flow == 1 {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return echo(ctx, a)
	}
}

// slotsKnown waits until the workers' slots are known.
func (r *testQueue) slotsKnown(slots string) {
	r.t.Helper()
	r.eventually("slots "+slots, func() bool {
		known := r.redis.Get(context.Background(), keysOf("default").slots()).Val()
		return strings.HasPrefix(known, slots+" ")
	})
}

func (r *testQueue) eventually(what string, is func() bool) {
	r.t.Helper()
	until(r.t, what, is)
}

// begun is how many runs execute.
func (r *testQueue) begun() int64 {
	return r.redis.ZCard(context.Background(), keysOf("default").begun()).Val()
}

// A flow whose runs hang takes all slots. Calls of another flow are executed in
// the spare ones, whether callers wait for the hanging runs or not.
func TestAHangingFlowMakesNoOtherFlowWait(t *testing.T) {
	t.Parallel()
	for _, waited := range []bool{true, false} {
		t.Run(fmt.Sprint("waited for ", waited), func(t *testing.T) {
			t.Parallel()
			r := newTestQueue(t, testenv.Redis(t).URL())
			release := make(chan struct{})
			r.worker(hanging(release), func(c *ServerConfig) { c.Slots = 16 })
			r.slotsKnown("16")
			var hung []*Ticket
			for range 40 {
				hung = append(hung, r.submit(of(1, waited)))
			}
			r.eventually("16 runs execute", func() bool { return r.begun() == 16 })
			for range 20 {
				r.wait(r.submit(of(2, true)))
			}
			r.wait(r.submit(of(3, false)))
			var calls sync.WaitGroup
			for range 50 {
				calls.Go(func() {
					if got := r.wait(r.submit(of(2, true))); got.State != Succeeded {
						t.Errorf("%+v", got)
					}
				})
			}
			calls.Wait()
			r.eventually("only the 16 that hang execute", func() bool { return r.begun() == 16 })
			close(release)
			for _, ticket := range hung {
				if got := r.wait(ticket); got.State != Succeeded {
					t.Errorf("%+v", got)
				}
			}
			r.nothingLeft()
			r.noTurns()
		})
	}
}

// noTurns waits until nothing is left of lines and flights.
func (r *testQueue) noTurns() {
	r.t.Helper()
	ctx := context.Background()
	r.eventually("no lines are left", func() bool {
		for _, pattern := range []string{"penstock:{default}:flight:*", "penstock:{default}:turns:*", "penstock:{default}:keys:*", "asynq:{default}:g:*", "asynq:{default}:groups", "penstock:{default}:express", "penstock:{default}:begun", "penstock:{default}:gated:*"} {
			if len(r.redis.Keys(ctx, pattern).Val()) > 0 {
				return false
			}
		}
		return true
	})
}

// A backlog without waiting callers comes after a run with a waiting caller,
// also when that call's flow has calls in line.
func TestRunsThatSomebodyWaitsForGoFirst(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	turns := make(chan struct{})
	var mu sync.Mutex
	var order []string
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		<-turns
		mu.Lock()
		order = append(order, fmt.Sprint(a.Flow, a.Sync))
		mu.Unlock()
		return echo(ctx, a)
	}, func(c *ServerConfig) { c.Slots, c.Spare = 1, -1 })
	r.slotsKnown("1")
	var all []*Ticket
	for range 40 { // one executes, eight are pending, the others stand in line
		all = append(all, r.submit(of(1, false)))
	}
	for range 5 {
		all = append(all, r.submit(of(1, true)), r.submit(of(2, true)))
	}
	close(turns)
	for _, ticket := range all {
		r.wait(ticket)
	}
	last := 0
	for i, one := range order {
		if strings.HasSuffix(one, "true") {
			last = i
		}
	}
	if last > 9+10+3 { // nine were there before; one turn in eight is for the others
		t.Errorf("the last run that somebody waited for was number %d of %v", last+1, order)
	}
	r.nothingLeft()
	r.noTurns()
}

// Flows with unequal loads get equal shares while all of them have runs in line, and
// within a flow those of each fair key take turns.
func TestFlowsAndKeysTakeTurns(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var mu sync.Mutex
	var order []string
	start := make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		<-start
		mu.Lock()
		defer mu.Unlock()
		order = append(order, fmt.Sprint(a.Flow, a.Principal))
		return echo(ctx, a)
	}, func(c *ServerConfig) { c.Slots, c.Spare = 2, -1 })
	r.slotsKnown("2")
	var all []*Ticket
	add := func(flow int64, n int, tenant string) {
		for range n {
			s := of(flow, false)
			s.Principal, s.FairKey = tenant, tenant
			all = append(all, r.submit(s))
		}
	}
	for range 10 {
		all = append(all, r.submit(of(9, false))) // fills slots and buffer
	}
	add(1, 300, "a")
	add(1, 20, "b")
	add(2, 60, "a")
	add(3, 40, "a")
	close(start)
	for _, ticket := range all {
		r.wait(ticket)
	}
	order = slices.DeleteFunc(order, func(one string) bool { return one[0] == '9' }) // it may have a run in line when the others begin
	count, keys := map[byte]int{}, map[string]int{}
	for _, one := range order[:120] { // 40 turns of each of three flows
		count[one[0]]++
		if keys["1b"] < 20 { // while both keys of flow 1 have runs in line
			keys[one]++
		}
	}
	for flow, got := range count {
		if got < 32 || got > 48 {
			t.Errorf("flow %c got %d turns of 120, want 40", flow, got)
		}
	}
	if a, b := keys["1a"], keys["1b"]; max(a-b, b-a) > 2 { // two runs at once may end in either order
		t.Errorf("the keys of a flow got %d and %d turns", a, b)
	}
	r.nothingLeft()
	r.noTurns()
}

// A flow that is alone uses every slot; one with a small share of its own stands
// back while others wait.
func TestShares(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	release := map[int64]chan struct{}{1: make(chan struct{}), 2: make(chan struct{})}
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		<-release[a.Flow]
		return echo(ctx, a)
	}, func(c *ServerConfig) { c.Slots, c.Spare = 8, -1 })
	r.slotsKnown("8")
	var all []*Ticket
	for range 30 {
		s := of(1, false)
		s.Share = 10
		all = append(all, r.submit(s))
	}
	r.eventually("the flow has all slots", func() bool { return r.begun() == 8 })
	for range 30 {
		all = append(all, r.submit(of(2, false)))
	}
	for range 16 { // those that were there before
		release[1] <- struct{}{}
	}
	flight := func(flow int64) int64 { return r.redis.SCard(t.Context(), keysOf("default").flight(flow)).Val() }
	ended := func() int64 { return r.redis.ZCard(t.Context(), keysOf("default").index()).Val() }
	r.eventually("others are in flight in their place", func() bool { return ended() == 16 && r.begun() == 8 && flight(1)+flight(2) == 16 })
	if n := flight(1); n < 1 || n > 3 { // 16 in the proportion of 10 to 50
		t.Errorf("a flow with a share of 10 beside one of 50 has %d of 16 runs in flight", n)
	}
	close(release[1])
	close(release[2])
	for _, ticket := range all {
		r.wait(ticket)
	}
	r.noTurns()
}

// What a run stands in is asynq's own: its tools show it as a group, and a run
// that they start, delete or archive there is executed once all the same.
func TestLinesAreGroups(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	release := make(chan struct{})
	r.worker(hanging(release), func(c *ServerConfig) { c.Slots, c.Spare = 1, -1 })
	r.slotsKnown("1")
	var all []*Ticket
	for range 14 {
		all = append(all, r.submit(of(1, false)))
	}
	inspector := asynq.NewInspectorFromRedisClient(r.redis)
	groups, err := inspector.Groups("default")
	if err != nil || len(groups) != 1 || groups[0].Group != "flow-1" || groups[0].Size != 5 {
		t.Fatalf("groups %+v %v", groups, err)
	}
	tasks, err := inspector.ListAggregatingTasks("default", "flow-1")
	if err != nil || len(tasks) != 5 {
		t.Fatalf("%d tasks %v", len(tasks), err)
	}
	if err := inspector.RunTask("default", tasks[0].ID); err != nil {
		t.Error(err)
	}
	if err := inspector.DeleteTask("default", tasks[1].ID); err != nil {
		t.Error(err)
	}
	if err := inspector.ArchiveTask("default", tasks[2].ID); err != nil {
		t.Error(err)
	}
	for _, task := range tasks { // the moment to look at them has come
		r.redis.ZAdd(t.Context(), keysOf("default").due(), redis.Z{Member: task.ID[:idLen]})
	}
	close(release)
	for _, ticket := range all {
		if got := r.wait(ticket); got.State != Succeeded {
			t.Errorf("%+v", got)
		}
	}
	r.noTurns()
}

// Runs stand in line while no worker is there, and are executed when one comes.
func TestLinesWithoutWorkers(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var all []*Ticket
	for i := range 40 {
		all = append(all, r.submit(of(int64(i%4), i%2 == 0)))
	}
	if _, err := r.client.Cancel(t.Context(), all[39].RunID(), nil); err != nil {
		t.Error(err)
	}
	stop := r.worker(echo)
	for i, ticket := range all {
		if got := r.wait(ticket); (got.State == Succeeded) != (i != 39) {
			t.Errorf("run %d: %+v", i, got)
		}
	}
	r.noTurns()
	stop()
	if known := r.redis.Exists(t.Context(), keysOf("default").slots()).Val(); known != 0 {
		t.Errorf("slots of a worker that has stopped are still known")
	}
}

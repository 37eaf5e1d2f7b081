package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// register makes a worker known that was last heard of some time ago. It has a session, slots, and a
// task in each of its inboxes.
func (s *storedRun) register(worker string, ago time.Duration) {
	ctx := s.t.Context()
	s.c.ZAdd(ctx, s.keys.workers(), redis.Z{Score: float64(time.Now().Add(-ago).UnixMilli()), Member: worker})
	s.c.HSet(ctx, s.keys.sessions(), worker, 2)
	s.c.HSet(ctx, s.keys.ours+"capacity", worker, "3 1 60")
	s.c.LPush(ctx, s.keys.inboxPrefix()+worker+":pending", worker+" took this")
	s.c.LPush(ctx, s.keys.inboxPrefix()+worker+":express", worker+" took that")
}

// registry is what is known of a worker.
func (s *storedRun) registry(worker string) string {
	ctx := s.t.Context()
	listed := s.c.ZScore(ctx, s.keys.workers(), worker).Err() == nil
	back := 0
	for _, task := range append(s.c.LRange(ctx, s.keys.pending(), 0, -1).Val(), s.c.LRange(ctx, s.keys.express(), 0, -1).Val()...) {
		if task == worker+" took this" || task == worker+" took that" {
			back++
		}
	}
	return fmt.Sprintf("listed %v, session %s, capacity %s, inboxes %d, given back %d",
		listed, s.c.HGet(ctx, s.keys.sessions(), worker).Val(), s.c.HGet(ctx, s.keys.ours+"capacity", worker).Val(),
		s.c.Exists(ctx, s.keys.inboxPrefix()+worker+":pending", s.keys.inboxPrefix()+worker+":express").Val(), back)
}

func (s *storedRun) beat(worker string, session int) string {
	return s.run(beatScript, worker, session, time.Minute.Milliseconds(), 10, "8 2 50")
}

const (
	knownWorker = "listed true, session 2, capacity 3 1 60, inboxes 2, given back 0"
	goneWorker  = "listed false, session , capacity , inboxes 0, given back 2"
)

// A worker without a heartbeat for a lease is evicted by one that has one: nothing of it is left, its
// inboxes are returned, and its runs are due.
func TestWhatABeatEvicts(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("running")
	s.register("w", 2*time.Minute)
	s.register("late", 30*time.Second)
	s.c.ZAdd(ctx, s.keys.workers(), redis.Z{Score: float64(time.Now().UnixMilli()), Member: "other"})
	if got, want := s.beat("other", 1), fmt.Sprintf("[[] [%s 3 lost] 0]", s.id); got != want {
		t.Errorf("the beat answered %s, want %s", got, want)
	}
	if got := s.registry("w"); got != goneWorker {
		t.Errorf("of the dead worker there is: %s", got)
	}
	if got := s.registry("late"); got != knownWorker {
		t.Errorf("of the live worker there is: %s", got)
	}
	if n := s.c.LLen(ctx, s.keys.express()).Val(); n != 0 {
		t.Errorf("%d tasks stay for spare slots while others are free", n)
	}
	if got := s.c.Get(ctx, s.keys.slots()).Val(); got != "11 3 60" {
		t.Errorf("slots %s", got)
	}
}

// A worker whose own heartbeat was late evicts no other: all get a new lease.
func TestWhoWasAwayEvictsNobody(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("running")
	s.register("w", 2*time.Minute)
	for _, ago := range []time.Duration{2 * time.Minute, 0} { // it is heard of again after the first beat
		if ago > 0 {
			s.c.ZAdd(ctx, s.keys.workers(), redis.Z{Score: float64(time.Now().Add(-ago).UnixMilli()), Member: "other"})
		}
		s.beat("other", 1)
		if got := s.registry("w"); got != knownWorker {
			t.Errorf("of a worker that may live there is: %s", got)
		}
	}
}

// A beat moves its worker's session forward, never back.
func TestABeatKeepsTheSession(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("none")
	for _, step := range []struct {
		says int
		want string
	}{{2, "2"}, {1, "2"}, {3, "3"}} {
		s.beat("w", step.says)
		if got := s.c.HGet(ctx, s.keys.sessions(), "w").Val(); got != step.want {
			t.Errorf("after a beat of session %d: %s, want %s", step.says, got, step.want)
		}
	}
}

// Nothing is left of a worker that stops, and the slots are added up anew.
func TestWhatDeregisters(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("none")
	s.register("w", 0)
	if got := s.run(deregisterScript, "w"); got != "2" {
		t.Errorf("%s tasks were given back, want 2", got)
	}
	if got := s.registry("w"); got != goneWorker {
		t.Errorf("of the worker there is: %s", got)
	}
	if s.c.Exists(ctx, s.keys.slots()).Val() != 0 {
		t.Error("its slots still count")
	}
}

// A drained worker adds no capacity, and its heartbeat returns that it is drained.
func TestWhoIsDrainedOffersNothing(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("none")
	s.c.SAdd(ctx, s.keys.drain(), "w")
	if got := s.beat("w", 1); got != "[[] [] 1]" {
		t.Errorf("the beat answered %s", got)
	}
	if got := s.c.Get(ctx, s.keys.slots()).Val(); got != "0 0 0" {
		t.Errorf("slots %s", got)
	}
}

// Which due runs a beat returns, and when the others are checked again.
func TestWhatABeatHandsOut(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	task := s.keys.taskPrefix() + taskID(s.id, at3)
	run := s.keys.runPrefix() + s.id
	past, future := time.Now().Add(-time.Minute), time.Now().Add(time.Minute)
	for name, it := range map[string]struct {
		state, want string
		change      func()
	}{
		"queued":           {"queued", "", func() {}},
		"queued, no task":  {"queued", "missing", func() { s.c.Del(ctx, task) }},
		"queued, late":     {"queued", "late", func() { s.c.HSet(ctx, run, "deadline", past.UnixMilli()) }},
		"queued, in time":  {"queued", "", func() { s.c.HSet(ctx, run, "deadline", future.UnixMilli()) }},
		"queued, archived": {"queued", "missing", func() { s.c.HSet(ctx, task, "state", "archived") }},
		"in line": {"queued", "", func() {
			s.c.HSet(ctx, task, "state", "aggregating", "group", "flow-1")
			s.c.ZAdd(ctx, s.keys.groupPrefix()+"flow-1", redis.Z{Member: taskID(s.id, at3)})
		}},
		"not in its line": {"queued", "missing", func() { s.c.HSet(ctx, task, "state", "aggregating", "group", "flow-1") }},
		"taken by asynq": {"queued", "", func() {
			s.c.HSet(ctx, task, "state", "active")
			s.c.ZAdd(ctx, s.keys.taskLease(), redis.Z{Score: float64(future.Unix()), Member: taskID(s.id, at3)})
		}},
		"taken by asynq, which is gone": {"queued", "missing", func() {
			s.c.HSet(ctx, task, "state", "active")
			s.c.ZAdd(ctx, s.keys.taskLease(), redis.Z{Score: float64(past.Unix()), Member: taskID(s.id, at3)})
		}},
		"running":                {"running", "", func() {}},
		"running, worker gone":   {"running", "lost", func() { s.c.HSet(ctx, run, "worker", "gone") }},
		"running, late":          {"running", "late", func() { s.c.HSet(ctx, run, "deadline", past.UnixMilli()) }},
		"running, a little late": {"running", "", func() { s.c.HSet(ctx, run, "deadline", time.Now().UnixMilli()) }},
		"waiting":                {"waiting", "wake", func() {}},
		"ended":                  {"ended", "settle", func() {}},
		"stopped":                {"stopped", "settle", func() {}},
	} {
		s.arrange(it.state)
		it.change()
		s.c.ZAdd(ctx, s.keys.due(), redis.Z{Member: s.id})
		want := "[[] [] 0]"
		if it.want != "" {
			want = fmt.Sprintf("[[] [%s 3 %s] 0]", s.id, it.want)
		}
		if got := s.beat("w", 1); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if again := s.beat("w", 1); again != "[[] [] 0]" {
			t.Errorf("%s: handed out again: %s", name, again)
		}
	}
}

// A run that becomes visible is entered once in each of asynq's lists, also when the call is repeated,
// and not in a list of active tasks that is full.
func TestABeatMakesARunVisible(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("running")
	s.register("w", 0)
	s.c.Del(ctx, s.keys.active())
	task := taskID(s.id, at3)
	for range 2 {
		s.run(beatScript, "w", 2, time.Minute.Milliseconds(), 10, "8 2 50", s.id, at3, 4102444800)
	}
	if got := s.c.LRange(ctx, s.keys.active(), 0, -1).Val(); !slices.Equal(got, []string{task}) {
		t.Errorf("active: %v, want %s once", got, task)
	}
	if until := s.c.ZScore(ctx, s.keys.taskLease(), task).Val(); until != 4102444800 {
		t.Errorf("lease until %v", until)
	}
	s.c.Del(ctx, s.keys.active(), s.keys.taskLease())
	for i := range 1000 {
		s.c.RPush(ctx, s.keys.active(), i)
	}
	s.run(beatScript, "w", 2, time.Minute.Milliseconds(), 10, "8 2 50", s.id, at3, 4102444800)
	if n := s.c.LLen(ctx, s.keys.active()).Val(); n != 1000 {
		t.Errorf("a full list has %d tasks, want 1000", n)
	}
}

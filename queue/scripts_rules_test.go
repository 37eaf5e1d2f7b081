package queue

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

func newStoredRun(t *testing.T) *storedRun {
	return &storedRun{t: t, c: testenv.Redis(t).Client(), keys: keysOf("default"), id: NewRunID("default")}
}

// crowd fills a queue of one slot: one run executes or has just ended, eight tasks are pending, and one
// stands in the line of flow 7.
func (s *storedRun) crowd() (standing string) {
	ctx := context.Background()
	s.c.Set(ctx, s.keys.slots(), "1 0 50", 0)
	for i := range 8 {
		s.c.LPush(ctx, s.keys.pending(), fmt.Sprint("task", i))
	}
	s.c.ZAdd(ctx, s.keys.begun(), redis.Z{Member: "w " + taskID(s.id, at3)})
	s.c.ZAdd(ctx, s.keys.taskLease(), redis.Z{Score: 1, Member: taskID(s.id, at3)})
	standing = taskID(NewRunID("default"), 1)
	s.c.HSet(ctx, s.keys.taskPrefix()+standing, "state", "aggregating", "group", "flow-7", "msg", "m")
	s.c.ZAdd(ctx, s.keys.groupPrefix()+"flow-7", redis.Z{Score: 1, Member: standing})
	s.c.SAdd(ctx, s.keys.groups(), "flow-7")
	s.c.ZAdd(ctx, s.keys.turns("u"), redis.Z{Score: 1, Member: "7"})
	return standing
}

// Whatever takes a run from its worker lets the next one of those in line move up, in the same step,
// and leaves nothing of the run where runs in flight are counted.
func TestWhatLeavesLetsTheNextMoveUp(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	for name, leave := range map[string]struct {
		state string
		call  func()
	}{
		"settle": {"ended", func() { s.run(settleScript, "2026-01-01", 4102444800, s.id, "1") }},
		"complete": {"running", func() {
			s.run(completeScript, "PUBLISH", "2026-01-01", 4102444800, "w", s.id, at3, "succeeded", "[]", "", "", "1")
		}},
		"park":        {"running", func() { s.run(parkScript, s.id, at3, 1000, "", "w", "", "") }},
		"park_paused": {"running", func() { s.run(parkPausedScript, s.id, at3, 1, 5, "w") }},
		"stop":        {"running", func() { s.run(stopScript, s.id, at3, "cancelled", "{}", "PUBLISH", "") }},
		"acquire": {"running", func() {
			s.c.ZAdd(ctx, s.keys.ours+"gate:g:inside", redis.Z{Score: 1, Member: "other"})
			s.c.HSet(ctx, s.keys.runPrefix()+"other", "state", "running")
			s.run(acquireScript, s.id, at3, "g", 1, "queue", "w")
		}},
	} {
		s.arrange(leave.state)
		s.c.SAdd(ctx, s.keys.flight(1), s.id)
		standing := s.crowd()
		leave.call()
		if err := s.c.LPos(ctx, s.keys.pending(), standing, redis.LPosArgs{}).Err(); err != nil {
			t.Errorf("%s: the next run in line has not moved up: %v", name, err)
		}
		if !s.c.SIsMember(ctx, s.keys.flight(7), standing[:idLen]).Val() {
			t.Errorf("%s: the next run in line is not in flight", name)
		}
		if left := s.c.Exists(ctx, s.keys.flight(1), s.keys.begun(), s.keys.taskLease(), s.keys.active(), s.keys.groups(), s.keys.turns("u"), s.keys.groupPrefix()+"flow-7").Val(); left != 0 {
			t.Errorf("%s leaves %d keys of runs in flight or in line", name, left)
		}
	}
}

// A run that has ended is at no concurrency limit any more, also when its worker could not release its places.
func TestSettleTakesARunOutOfItsLimits(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("stopped")
	s.c.HSet(ctx, s.keys.runPrefix()+s.id, "gated", "1")
	s.c.SAdd(ctx, s.keys.ours+"gated:1", s.id)
	s.run(settleScript, "2026-01-01", 4102444800, s.id, "")
	if s.c.Exists(ctx, s.keys.ours+"gated:1").Val() != 0 {
		t.Error("the run counts as one that stands in line")
	}
	s.arrange("running")
	for _, gate := range []string{"g", "h"} {
		if got := s.run(acquireScript, s.id, at3, gate, 1, "queue", "w"); got != "in" {
			t.Fatalf("enter: %s", got)
		}
		s.c.ZAdd(ctx, s.keys.ours+"gate:"+gate+":line", redis.Z{Member: s.id})
	}
	s.run(stopScript, s.id, at3, "timed_out", "{}", "PUBLISH", "")
	s.run(settleScript, "2026-01-01", 4102444800, s.id, "")
	if left := s.c.Keys(ctx, s.keys.ours+"gate:*").Val(); len(left) > 0 {
		t.Errorf("the run still stands at %v", left)
	}
}

// What tidy removes has ended, and long enough ago; what another version settled is found
// as well. One worker tidies at a time.
func TestWhatTidyRemoves(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.c.FlushDB(ctx)
	old, lately := time.Now().Add(-time.Hour).UnixMicro(), time.Now().UnixMicro()
	wanted := map[string]bool{}
	add := func(kept bool, list string, fields ...any) {
		id := NewRunID("default")
		s.c.HSet(ctx, s.keys.runPrefix()+id, fields...)
		s.c.ZAdd(ctx, s.keys.index(), redis.Z{Score: 1, Member: id})
		if list == "ended" {
			s.c.RPush(ctx, s.keys.ended(), id)
		}
		wanted[id] = kept
	}
	add(false, "ended", "state", "succeeded", "finished", old)
	add(false, "", "state", "succeeded", "finished", old) // another version settled it
	add(true, "ended", "state", "running", "finished", old)
	add(true, "ended", "state", "failed")
	add(true, "ended", "state", "succeeded", "finished", lately)
	add(true, "", "state", "waiting")
	tidy := func(worker string) string {
		return s.run(tidyScript, worker, time.Minute.Milliseconds(), 10, 60_000, "")
	}
	if got := tidy("w") + tidy("other") + tidy("w"); got != "1-10" {
		t.Errorf("two workers in turn were told %s", got)
	}
	for id, kept := range wanted {
		if got := s.c.Exists(ctx, s.keys.runPrefix()+id).Val() == 1; got != kept {
			t.Errorf("a run that is %v: kept %v, want %v", s.c.HGetAll(ctx, s.keys.runPrefix()+id).Val(), got, kept)
		}
	}
}

// A run that is requeued is looked at soon, whenever it was to be looked at before: its next
// attempt may be lost as well.
func TestWhatIsRequeuedIsLookedAtSoon(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	for _, state := range []string{"queued", "running", "waiting"} {
		s.arrange(state)
		s.c.Del(ctx, s.keys.taskPrefix()+taskID(s.id, at3))
		s.c.ZAdd(ctx, s.keys.due(), redis.Z{Score: float64(time.Now().Add(parkUntilCalled).UnixMilli()), Member: s.id})
		s.run(requeueScript, s.id, at3, state, "m", "", 3, "", "")
		if due := time.UnixMilli(int64(s.c.ZScore(ctx, s.keys.due(), s.id).Val())); time.Until(due) > time.Minute {
			t.Errorf("from %s: looked at in %v", state, time.Until(due))
		}
	}
}

// A run that has a new task, or has ended, stands in no line.
func TestWhatLeavesItsLine(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	task := taskID(s.id, at3)
	for name, call := range map[string]func(){
		"stop": func() { s.run(stopScript, s.id, "", "cancelled", "{}", "PUBLISH", "") },
		"requeue": func() {
			s.c.Del(ctx, s.keys.taskPrefix()+task)
			s.run(requeueScript, s.id, at3, "queued", "m", "", 3, "", "")
		},
	} {
		s.arrange("queued")
		s.c.Del(ctx, s.keys.pending())
		s.c.Set(ctx, s.keys.slots(), "1 0 50", 0)
		s.c.ZAdd(ctx, s.keys.begun(), redis.Z{Member: "w another"}) // the only slot is taken
		for i := range 8 {
			s.c.LPush(ctx, s.keys.pending(), fmt.Sprint("task", i))
		}
		s.c.HSet(ctx, s.keys.taskPrefix()+task, "state", "aggregating", "group", "flow-1")
		s.c.ZAdd(ctx, s.keys.groupPrefix()+"flow-1", redis.Z{Score: 1, Member: task})
		s.c.SAdd(ctx, s.keys.groups(), "flow-1")
		s.c.ZAdd(ctx, s.keys.turns("u"), redis.Z{Score: 1, Member: "1"})
		call()
		if left := s.c.Exists(ctx, s.keys.groupPrefix()+"flow-1", s.keys.groups(), s.keys.turns("u")).Val(); left != 0 {
			t.Errorf("%s leaves %d keys of the line", name, left)
		}
		if ended, has := name == "stop", s.c.Exists(ctx, s.keys.taskPrefix()+task).Val() == 1; ended == has {
			t.Errorf("after %s the run has a task: %v", name, has)
		}
	}
}

// Refused are flows with too many runs in line for a slot or at its limits, and flows whose callers have
// waited too long, unless a slot is free.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	old := float64(time.Now().Add(-time.Minute).UnixMicro())
	for name, it := range map[string]struct {
		slots, turn, line string
		gated             int
		want              string
	}{
		"nothing in line":               {"1 0 50", "w1", "", 0, "[]"},
		"at its limits":                 {"8 0 50", "u1", "", 2, "[full]"},
		"in line":                       {"1 0 50", "u1", "flow-1", 0, "[full]"},
		"in line beside a free slot":    {"8 0 50", "u1", "flow-1", 0, "[]"},
		"in another flow's line":        {"1 0 50", "u1", "flow-2", 0, "[]"},
		"has waited":                    {"1 0 50", "w1", "flow-1-waited", 0, "[full]"},
		"has waited, nobody waits":      {"1 0 50", "u1", "flow-1-waited-one", 0, "[]"},
		"has waited beside a free slot": {"8 0 50", "w1", "flow-1-waited", 0, "[]"},
	} {
		s.c.FlushDB(ctx)
		s.c.Set(ctx, s.keys.slots(), it.slots, 0)
		s.c.LPush(ctx, s.keys.pending(), "other")
		if it.line != "" {
			s.c.ZAdd(ctx, s.keys.groupPrefix()+it.line, redis.Z{Score: old, Member: "first"})
			if it.line != "flow-1-waited" {
				s.c.ZAdd(ctx, s.keys.groupPrefix()+it.line, redis.Z{Score: old, Member: "second"})
			}
		}
		for i := range it.gated {
			s.c.SAdd(ctx, s.keys.ours+"gated:1", i)
		}
		if got := s.run(submitScript, "", "", 2, 1000, s.id, "m", "s", "", 60000, "", it.turn, "", "", "", "", ""); got != it.want {
			t.Errorf("%s: %s, want %s", name, got, it.want)
		}
	}
}

// Which run becomes a holder of a limit with one place, with one holder or one waiting run.
func TestWhatEnters(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	for name, it := range map[string]struct {
		other, stands string // its state, and where it stands
		score         float64
		full, want    string
		calls         int
	}{
		"a place":                       {"", "", 0, "queue", "in", 1},
		"a place, asked for twice":      {"", "", 0, "queue", "in", 2},
		"no place":                      {"running", "inside", 1, "queue", "parked", 1},
		"no place, asked for twice":     {"running", "inside", 1, "queue", "parked", 2},
		"the place of a queued run":     {"queued", "inside", 1, "queue", "parked", 1},
		"the place of a run that ended": {"failed", "inside", 1, "queue", "in", 1},
		"the place of a parked run":     {"waiting", "inside", 1, "queue", "in", 1},
		"an older run in line":          {"waiting", "line", 1, "queue", "parked", 1},
		"an older run that has ended":   {"failed", "line", 1, "queue", "in", 1},
		"a younger run in line":         {"waiting", "line", 1e18, "queue", "in", 1},
		"turned away":                   {"running", "inside", 1, "reject", "full", 1},
		"an older run is dropped":       {"running", "inside", 1, "drop_oldest", "other", 1},
		"a younger run stays":           {"running", "inside", 1e18, "drop_oldest", s.id, 1},
	} {
		s.arrange("running")
		if it.other != "" {
			s.c.HSet(ctx, s.keys.runPrefix()+"other", "state", it.other, "fence", 1)
			s.c.ZAdd(ctx, s.keys.ours+"gate:g:"+it.stands, redis.Z{Score: it.score, Member: "other"})
		}
		got := ""
		for range it.calls {
			got = s.run(acquireScript, s.id, at3, "g", 1, it.full, "w")
		}
		if got != it.want {
			t.Errorf("%s: %s, want %s", name, got, it.want)
		}
	}
}

// A parked run that is called is due, in case that its caller cannot requeue it.
func TestWhatIsCalledIsDue(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("waiting")
	s.run(callbackScript, s.id, "k", "r{}")
	if due := s.c.ZScore(ctx, s.keys.due(), s.id).Val(); due > float64(time.Now().UnixMilli()) {
		t.Error("the run is not due")
	}
}

// What release removes, and which run is next.
func TestWhatReleases(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	for state, it := range map[string]struct {
		next         string // state of the first in line behind it
		want         string
		inside, line bool
	}{
		"running": {"waiting", "[]", true, true}, // another attempt goes on
		"queued":  {"waiting", "[]", true, true},
		"waiting": {"waiting", "[next 1]", false, true},
		"ended":   {"waiting", "[next 1]", false, false},
		"stopped": {"queued", "[]", false, false}, // that one is on its way
	} {
		s.arrange(state)
		for _, id := range []string{"next", "last"} {
			s.c.HSet(ctx, s.keys.runPrefix()+id, "state", "waiting", "fence", 1)
		}
		s.c.HSet(ctx, s.keys.runPrefix()+"next", "state", it.next)
		inside, line := s.keys.ours+"gate:g:inside", s.keys.ours+"gate:g:line"
		s.c.ZAdd(ctx, inside, redis.Z{Score: 1, Member: s.id})
		s.c.ZAdd(ctx, line, redis.Z{Score: 1, Member: s.id}, redis.Z{Score: 2, Member: "next"}, redis.Z{Score: 3, Member: "last"})
		if got := s.run(releaseScript, s.id, "g", 1); got != it.want {
			t.Errorf("%s: next are %s, want %s", state, got, it.want)
		}
		if got := s.c.ZScore(ctx, inside, s.id).Err() == nil; got != it.inside {
			t.Errorf("%s: has a place %v, want %v", state, got, it.inside)
		}
		if got := s.c.ZScore(ctx, line, s.id).Err() == nil; got != it.line {
			t.Errorf("%s: stands in line %v, want %v", state, got, it.line)
		}
	}
}

// An API process that attaches to a running run receives its result once.
func TestWhatIsAttachedTo(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	for state, want := range map[string]string{"queued": "a,b", "running": "a,b", "waiting": "a,b", "ended": "", "stopped": ""} {
		s.arrange(state)
		for _, process := range []string{"a", "b", "a"} {
			s.run(attachScript, s.id, process)
		}
		if got := s.c.HGet(ctx, s.keys.runPrefix()+s.id, "reply").Val(); got != want {
			t.Errorf("%s: told are %q, want %q", state, got, want)
		}
	}
}

// A task that was deleted where it stood in line, with asynq's tools, is not moved up.
func TestWhatWasDeletedDoesNotMoveUp(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("running")
	standing := s.crowd()
	s.c.Del(ctx, s.keys.taskPrefix()+standing)
	s.run(parkScript, s.id, at3, 1000, "", "w", "", "")
	if s.c.LPos(ctx, s.keys.pending(), standing, redis.LPosArgs{}).Err() == nil {
		t.Error("the task has moved up")
	}
}

// A run that is named twice in one call, or in two, counts once.
func TestARunIsSettledOnce(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("ended")
	if got := s.run(settleScript, "2026-01-01", 4102444800, s.id, "", s.id, ""); got != "[1 0]" {
		t.Errorf("settle: %s", got)
	}
	s.run(settleScript, "2026-01-01", 4102444800, s.id, "")
	processed := s.c.Get(ctx, s.keys.asynq+"processed").Val()
	if ended := s.c.LLen(ctx, s.keys.ended()).Val(); ended != 1 || processed != "1" {
		t.Errorf("%d entries of the run, %s processed", ended, processed)
	}
}

// The place of a run at a concurrency limit is released by its worker, which wakes the
// next run.
func TestARunAtALimitIsSettledAfterItsWorkerHasReleasedIt(t *testing.T) {
	t.Parallel()
	s, ctx := newStoredRun(t), t.Context()
	s.arrange("running")
	if got := s.run(acquireScript, s.id, at3, "g", 1, "queue", "w"); got != "in" {
		t.Fatalf("enter: %s", got)
	}
	if got := s.run(completeScript, "PUBLISH", "2026-01-01", 4102444800, "w", s.id, at3, "succeeded", "[]", "", "", ""); got != "[1 0]" {
		t.Errorf("complete: %s", got)
	}
	if s.now() != "succeeded 3 due" || s.c.ZCard(ctx, s.keys.ours+"gate:g:inside").Val() != 1 {
		t.Errorf("the run is %s", s.now())
	}
}

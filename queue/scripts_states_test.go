package queue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// storedRun is a run in one state, with the fence 3, as the scripts left it.
type storedRun struct {
	t    *testing.T
	c    redis.UniversalClient
	keys keys
	id   string
}

const at3 = 3 // the fence of every stored run

// runStates are the states that a run can be in. "ended" by an attempt, "stopped"
// from outside.
var runStates = []string{"none", "queued", "running", "waiting", "ended", "stopped"}

func (s *storedRun) arrange(state string) {
	ctx := context.Background()
	s.c.FlushDB(ctx)
	now := time.Now()
	s.c.ZAdd(ctx, s.keys.workers(), redis.Z{Score: float64(now.UnixMilli()), Member: "w"})
	s.c.HSet(ctx, s.keys.sessions(), "w", 1)
	s.c.Set(ctx, s.keys.slots(), "8 2 50", 0)
	fields := []any{"fence", at3, "at", now.UnixMicro(), "spec", "s", "event", "", "limit", 60000, "turn", "u1", "worker", "w", "started", now.UnixMicro()}
	task := taskID(s.id, at3)
	flying := func() { s.c.SAdd(ctx, s.keys.flight(1), s.id) }
	switch state {
	case "none":
		return
	case "queued":
		fields = append(fields, "state", "queued")
		s.c.LPush(ctx, s.keys.pending(), task)
		s.c.HSet(ctx, s.keys.taskPrefix()+task, "state", "pending", "msg", "m")
		flying()
	case "running":
		fields = append(fields, "state", "running")
		s.c.LPush(ctx, s.keys.active(), task)
		s.c.ZAdd(ctx, s.keys.begun(), redis.Z{Member: "w " + task})
		flying()
	case "waiting":
		fields = append(fields, "state", "waiting")
	case "ended":
		fields = append(fields, "state", "succeeded", "output", "[]", "finished", now.UnixMicro())
	case "stopped":
		fields = append(fields, "state", "cancelled", "stopped", at3-1, "finished", now.UnixMicro())
	}
	s.c.HSet(ctx, s.keys.runPrefix()+s.id, fields...)
	s.c.ZAdd(ctx, s.keys.due(), redis.Z{Score: float64(now.Add(15 * time.Second).UnixMilli()), Member: s.id})
}

// run calls a script and describes its reply: an error and a nil are words.
func (s *storedRun) run(script *redis.Script, args ...any) string {
	reply, err := script.Run(context.Background(), s.c, s.keys.slot(), args...).Result()
	if err == redis.Nil {
		return "nil"
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprint(reply)
}

// now is the run's state and fence, and whether the reconciler finds it.
func (s *storedRun) now() string {
	ctx := context.Background()
	r := s.c.HMGet(ctx, s.keys.runPrefix()+s.id, "state", "fence").Val()
	if r[0] == nil && s.c.Exists(ctx, s.keys.runPrefix()+s.id).Val() == 1 {
		return "stored without a state"
	}
	found := "due"
	if s.c.ZScore(ctx, s.keys.due(), s.id).Err() != nil {
		found = "not due"
	}
	return fmt.Sprint(r[0], " ", r[1], " ", found)
}

// unchanged is what each stored run looks like when a script has changed nothing.
var unchanged = map[string]string{
	"none": "<nil> <nil> not due", "queued": "queued 3 due", "running": "running 3 due", "waiting": "waiting 3 due",
	"ended": "succeeded 3 due", "stopped": "cancelled 3 due",
}

// transition is the reply of a script and the state of the run after it.
type transition struct{ reply, now string }

// annotated is the table of annotate.lua, which changes no state; fields are those that it wrote.
func annotated(fields string) map[string]transition {
	want := map[string]transition{}
	for state, now := range unchanged {
		for fence := at3 - 1; fence <= at3+1; fence++ {
			if word, _, _ := strings.Cut(now, " "); state != "none" {
				want[fmt.Sprint(state, " ", fence)] = transition{word + fields, now}
			}
		}
	}
	return want
}

// TestEveryScriptInEveryState holds each script against the table of
// docs/decisions/0006: what it returns in each state, by how the caller's fence
// compares with the run's. What is not listed changes nothing.
func TestEveryScriptInEveryState(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	s := &storedRun{t: t, c: server.Client(), keys: keysOf("default"), id: NewRunID("default")}
	by := "w" // the worker of the attempt that calls
	for _, script := range []struct {
		name string
		call func(fence int) string
		nope string                // what it answers when it changes nothing; "" for no check of that
		want map[string]transition // by state and fence: "running 3"
	}{
		{"claim", func(fence int) string {
			task := taskID(s.id, fence)
			s.c.Del(context.Background(), s.keys.pending())
			s.c.LPush(context.Background(), s.keys.pending(), task)
			reply, _ := claimScript.Run(context.Background(), s.c, s.keys.slot(), "w", 1, pendingList, 1, 0).Slice()
			if len(reply) == 0 {
				return "nil"
			}
			return fmt.Sprint(reply[2])
		}, "nil", map[string]transition{
			"queued 3": {"3", "running 3 due"},
			"queued 4": {"4", "running 4 due"}, // of an earlier version
		}},
		{"claim of a worker that is not listed", func(int) string {
			s.c.HDel(context.Background(), s.keys.sessions(), "w")
			return s.run(claimScript, "w", 1, pendingList, 1, 0)
		}, "nil", nil},
		{"claim of an earlier session", func(int) string {
			s.c.HSet(context.Background(), s.keys.sessions(), "w", 2)
			return s.run(claimScript, "w", 1, pendingList, 1, 0)
		}, "nil", nil},
		{"claim of a task that was deleted", func(int) string {
			s.c.Del(context.Background(), s.keys.pending())
			s.c.LPush(context.Background(), s.keys.pending(), "a task that is not a run's")
			return s.run(claimScript, "w", 1, pendingList, 1, 0)
		}, "nil", nil},
		{"redeliver of a worker that is not listed", func(fence int) string {
			s.c.HDel(context.Background(), s.keys.sessions(), "w")
			return s.run(redeliverScript, "w", 2, taskID(s.id, fence))
		}, "dead", nil},
		{"redeliver of another worker", func(fence int) string {
			s.c.HSet(context.Background(), s.keys.sessions(), "other", 1)
			return s.run(redeliverScript, "other", 2, taskID(s.id, fence))
		}, "[]", nil},
		{"redeliver", func(fence int) string {
			reply, _ := redeliverScript.Run(context.Background(), s.c, s.keys.slot(), "w", 2, taskID(s.id, fence)).Slice()
			return fmt.Sprint(len(reply))
		}, "0", map[string]transition{"running 3": {"8", "running 3 due"}}},
		{"finish", func(fence int) string {
			return s.run(finishScript, "PUBLISH", by, s.id, fence, "succeeded", "[]", "", "")
		}, "[0]", map[string]transition{
			"running 3": {"[1]", "succeeded 3 due"},
			"ended 3":   {"[1]", "succeeded 3 due"}, // a repeated call
			"stopped 3": {"[1]", "cancelled 3 due"}, // no attempt has this number
		}},
		{"complete", func(fence int) string {
			return s.run(completeScript, "PUBLISH", "2026-01-01", 4102444800, by, s.id, fence, "succeeded", "[]", "", "", "")
		}, "[0 0]", map[string]transition{
			"running 3": {"[2 0]", "succeeded 3 not due"},
			"ended 3":   {"[1 0]", "succeeded 3 due"}, // a repeated call: settle makes sure
			"stopped 3": {"[1 0]", "cancelled 3 due"},
		}},
		{"park", func(fence int) string { return s.run(parkScript, s.id, fence, 1000, "", by, "", "") }, "0", map[string]transition{
			"running 3": {"1", "waiting 3 due"},
			"waiting 3": {"1", "waiting 3 due"},
		}},
		{"park to retry", func(fence int) string {
			s.c.HSet(context.Background(), s.keys.journalPrefix()+s.id, "k", "r1", "l", "r2")
			reply := s.run(parkScript, s.id, fence, 1000, "", by, `{"record": "{}", "remove": ["k"], "set": {"m": "3"}}`, "")
			kept := s.c.HGetAll(context.Background(), s.keys.journalPrefix()+s.id).Val()
			return fmt.Sprint(reply, kept, s.c.HGet(context.Background(), s.keys.runPrefix()+s.id, "retry").Val())
		}, "0map[k:r1 l:r2]", map[string]transition{
			"running 3": {"1map[l:r2 m:r3]{}", "waiting 3 due"},
			"waiting 3": {"1map[k:r1 l:r2]", "waiting 3 due"}, // a repeated call
		}},
		{"acquire, no place", func(fence int) string {
			s.c.ZAdd(context.Background(), s.keys.ours+"gate:g:inside", redis.Z{Score: 1, Member: "other"})
			s.c.HSet(context.Background(), s.keys.runPrefix()+"other", "state", "running")
			return s.run(acquireScript, s.id, fence, "g", 1, "queue", by)
		}, "lost", map[string]transition{"running 3": {"parked", "waiting 3 due"}}},
		{"acquire, a place", func(fence int) string { return s.run(acquireScript, s.id, fence, "g", 1, "queue", by) },
			"lost", map[string]transition{"running 3": {"in", "running 3 due"}}},
		{"park_paused", func(fence int) string { return s.run(parkPausedScript, s.id, fence, 1, 5, by) },
			"lost", map[string]transition{"running 3": {"parked", "waiting 3 due"}}},
		{"journal", func(fence int) string { return s.run(journalScript, s.id, fence, "k", "r{}", by) },
			"nil", map[string]transition{"running 3": {"", "running 3 due"}}},
		{"respond", func(fence int) string { return s.run(respondScript, s.id, fence, "{}", "PUBLISH", by) },
			"0", map[string]transition{"running 3": {"1", "running 3 due"}}},
		{"respond, again", func(fence int) string {
			s.run(respondScript, s.id, fence, "{}", "PUBLISH", by)
			return s.run(respondScript, s.id, fence, "{}", "PUBLISH", by)
		}, "0", map[string]transition{"running 3": {"2", "running 3 due"}}},
		{"requeue from queued", func(fence int) string {
			s.c.Del(context.Background(), s.keys.taskPrefix()+taskID(s.id, at3))
			return s.run(requeueScript, s.id, fence, "queued", "m", "", 3, "", "")
		}, "0", map[string]transition{"queued 3": {"1", "queued 3 due"}}},
		{"requeue from running", func(fence int) string { return s.run(requeueScript, s.id, fence, "running", "m", "1", 3, "", "") },
			"0", map[string]transition{"running 3": {"1", "queued 4 due"}}},
		{"hand back", func(fence int) string { return s.run(requeueScript, s.id, fence, "running", "m", "", 3, "", by) },
			"0", map[string]transition{"running 3": {"1", "queued 4 due"}}},
		{"requeue from waiting", func(fence int) string { return s.run(requeueScript, s.id, fence, "waiting", "m", "", 3, "", "") },
			"0", map[string]transition{"waiting 3": {"1", "queued 4 due"}}},
		{"stop", func(fence int) string { return s.run(stopScript, s.id, fence, "cancelled", "{}", "PUBLISH", "") }, "", map[string]transition{
			"queued 3":  {"queued", "cancelled 4 due"},
			"running 3": {"running", "cancelled 4 due"},
			"waiting 3": {"waiting", "cancelled 4 due"},
		}},
		{"callback", func(int) string { return s.run(callbackScript, s.id, "k", "r{}") }, "", map[string]transition{
			"none 2": {"none", "<nil> <nil> not due"}, "none 3": {"none", "<nil> <nil> not due"}, "none 4": {"none", "<nil> <nil> not due"},
			"ended 3": {"over", "succeeded 3 due"}, "stopped 3": {"over", "cancelled 3 due"}, "waiting 3": {"3", "waiting 3 due"},
		}},
		{"settle", func(int) string { return s.run(settleScript, "2026-01-01", 4102444800, s.id, "") }, "[0 0]", map[string]transition{
			"ended 2": {"[1 0]", "succeeded 3 not due"}, "ended 3": {"[1 0]", "succeeded 3 not due"}, "ended 4": {"[1 0]", "succeeded 3 not due"},
			"stopped 2": {"[1 0]", "cancelled 3 not due"}, "stopped 3": {"[1 0]", "cancelled 3 not due"}, "stopped 4": {"[1 0]", "cancelled 3 not due"},
		}},
		{"settle, again", func(int) string {
			s.run(settleScript, "2026-01-01", 4102444800, s.id, "")
			return s.run(settleScript, "2026-01-01", 4102444800, s.id, "")
		}, "[0 0]", map[string]transition{
			"ended 2": {"[0 0]", "succeeded 3 not due"}, "ended 3": {"[0 0]", "succeeded 3 not due"}, "ended 4": {"[0 0]", "succeeded 3 not due"},
			"stopped 2": {"[0 0]", "cancelled 3 not due"}, "stopped 3": {"[0 0]", "cancelled 3 not due"}, "stopped 4": {"[0 0]", "cancelled 3 not due"},
		}},
		{"tidy", func(int) string {
			ctx := context.Background()
			s.c.RPush(ctx, s.keys.ended(), s.id)
			s.c.ZAdd(ctx, s.keys.index(), redis.Z{Member: s.id})
			s.run(tidyScript, "w", -1000, 10, 1000, "")
			return fmt.Sprint(s.c.Exists(ctx, s.keys.runPrefix()+s.id).Val())
		}, "1", map[string]transition{
			"none 2": {"0", "<nil> <nil> not due"}, "none 3": {"0", "<nil> <nil> not due"}, "none 4": {"0", "<nil> <nil> not due"},
			"ended 2": {"0", "<nil> <nil> due"}, "ended 3": {"0", "<nil> <nil> due"}, "ended 4": {"0", "<nil> <nil> due"},
			"stopped 2": {"0", "<nil> <nil> due"}, "stopped 3": {"0", "<nil> <nil> due"}, "stopped 4": {"0", "<nil> <nil> due"},
		}},
		{"submit, repeated", func(int) string {
			return s.run(submitScript, "", "1", -1, -1, s.id, "m", "s", "", 60000, "", "u1", "", "", "", "", "")
		}, "[]", map[string]transition{
			"none 2": {"[]", "queued <nil> due"}, "none 3": {"[]", "queued <nil> due"}, "none 4": {"[]", "queued <nil> due"},
		}},
		{"submit of a run that continues it", func(fence int) string {
			return s.run(submitScript, "", "", -1, -1, NewRunID("default"), "m", "s", "", 60000, "", "u1", "", "", "", "",
				fmt.Sprintf(`{"run": %q, "fence": %d, "origin": %q, "remove": [], "set": {}}`, s.id, fence, s.id))
		}, "[moved]", map[string]transition{
			"none 2": {"[gone]", unchanged["none"]}, "none 3": {"[gone]", unchanged["none"]}, "none 4": {"[gone]", unchanged["none"]},
			"stopped 3": {"[]", unchanged["stopped"]},
		}},
		{"submit_delayed", func(int) string { return s.run(submitDelayedScript, s.id, "s", "", 60000, 1000, "u1", "", "", "") }, s.id, map[string]transition{
			"none 2": {s.id, "waiting <nil> due"}, "none 3": {s.id, "waiting <nil> due"}, "none 4": {s.id, "waiting <nil> due"},
		}},
		{"annotate", func(int) string {
			reply := s.run(annotateScript, s.id, "", "replayed_by", "r", "triage", "t")
			return fmt.Sprint(reply, s.c.HMGet(context.Background(), s.keys.runPrefix()+s.id, "replayed_by", "triage").Val())
		}, "[<nil> <nil>]", annotated("[r t]")},
		{"annotate a run that failed", func(int) string {
			reply := s.run(annotateScript, s.id, "1", "triage", "t")
			return fmt.Sprint(reply, s.c.HMGet(context.Background(), s.keys.runPrefix()+s.id, "triage").Val())
		}, "[<nil>]", annotated("[<nil>]")},
		{"attach", func(int) string { return s.run(attachScript, s.id, "api") }, "", nil},
	} {
		for _, state := range runStates {
			for _, fence := range []int{at3 - 1, at3, at3 + 1} {
				s.arrange(state)
				reply := script.call(fence)
				want, listed := script.want[state+" "+strconv.Itoa(fence)]
				if !listed {
					want = transition{script.nope, unchanged[state]}
				}
				if want.reply == "" && !listed {
					want.reply = reply
				}
				if got := (transition{reply, s.now()}); got != want {
					t.Errorf("%s of attempt %d on a run that is %s: %+v, want %+v", script.name, fence, state, got, want)
				}
			}
			if !slices.Contains(ofAttempts, script.name) {
				continue
			}
			by = "other"
			s.arrange(state)
			if got, want := (transition{script.call(at3), s.now()}), (transition{script.nope, unchanged[state]}); got != want {
				t.Errorf("%s of another worker's attempt on a run that is %s: %+v, want %+v", script.name, state, got, want)
			}
			by = "w"
		}
	}
}

// ofAttempts are the scripts that attempts call.
var ofAttempts = []string{"finish", "complete", "park", "acquire, no place", "acquire, a place", "park_paused", "journal", "respond", "hand back"}

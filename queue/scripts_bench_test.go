package queue

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// BenchmarkScripts shows that no script costs more when more is going on: each
// is called beside 1,000 and 10,000 attempts of other workers, and beside
// 100,000 parked runs. The figure is "Redis-µs/op", what Redis itself spends in
// a call; ns/op includes what each call needs to be arranged.
//
//	go test -run '^$' -bench Scripts ./queue
func BenchmarkScripts(b *testing.B) {
	for _, beside := range []struct {
		name           string
		active, parked int
	}{{"beside=nothing", 0, 0}, {"beside=1000-active", 1_000, 0}, {"beside=10000-active", 10_000, 0}, {"beside=100000-parked", 0, 100_000}} {
		b.Run(beside.name, func(b *testing.B) {
			s := newScriptBench(b)
			s.others(beside.active)
			s.parked(beside.parked)
			for _, c := range s.calls() {
				b.Run(c.name, func(b *testing.B) { s.measure(b, c.script, c.call) })
			}
		})
	}
}

// BenchmarkRareScripts are those whose work is many runs at once: a dead fleet, a
// pass over old runs, a session that starts with runs to begin again.
func BenchmarkRareScripts(b *testing.B) {
	b.Run("beat-buries-99-workers-of-6400-runs", func(b *testing.B) {
		s := newScriptBench(b)
		s.measure(b, beatScript, func(int) {
			s.empty()
			s.others(6_400)
			past := float64(time.Now().Add(-time.Minute).UnixMilli())
			for w := range fleetSize - 1 {
				s.c.ZAdd(s.ctx, s.keys.workers(), redis.Z{Score: past, Member: otherWorker(w)})
			}
			s.must(beatScript, "w", 1, 10_000, 0, "8 2 50")
		})
	})
	b.Run("tidy-beside-100000-runs-that-outlived-retention", func(b *testing.B) {
		s := newScriptBench(b)
		s.parked(100_000)
		s.measure(b, tidyScript, func(int) {
			s.ended(100)
			s.must(tidyScript, "w", 0, 100, 15_000, "")
		})
	})
	b.Run("settle-256-beside-10000-active", func(b *testing.B) {
		s := newScriptBench(b)
		s.others(10_000)
		s.measure(b, settleScript, func(int) {
			args := []any{"2026-01-01", 4102444800}
			for range 256 {
				id := s.running("w")
				s.must(finishScript, "PUBLISH", "w", id, 1, "succeeded", "[]", "", "")
				args = append(args, id, "")
			}
			s.must(settleScript, args...)
		})
	})
	b.Run("resume-500-runs-of-900KB", func(b *testing.B) {
		s := newScriptBench(b)
		s.others(10_000)
		args, event := []any{"w", 2}, strings.Repeat("e", 900_000)
		for range 500 {
			id := s.running("w")
			s.c.HSet(s.ctx, s.keys.runPrefix()+id, "event", event)
			args = append(args, taskID(id, 1))
		}
		const chunk = 32 // as many as a worker asks for at once
		s.measure(b, redeliverScript, func(int) {
			for rest := args[2:]; len(rest) > 0; rest = rest[min(chunk, len(rest)):] {
				s.must(redeliverScript, append([]any{"w", 2}, rest[:min(chunk, len(rest))]...)...)
			}
		})
	})
	b.Run("stop-the-oldest-of-100000-pending", func(b *testing.B) {
		s := newScriptBench(b)
		var ids []string
		for range 100_000 {
			ids = append(ids, NewRunID("default"))
		}
		for from := 0; from < len(ids); from += 1000 {
			pipe := s.c.Pipeline()
			for _, id := range ids[from : from+1000] {
				s.store(pipe, id, "queued", "")
				pipe.LPush(s.ctx, s.keys.pending(), taskID(id, 1))
			}
			s.exec(pipe)
		}
		s.measure(b, stopScript, func(i int) { s.must(stopScript, ids[i%len(ids)], "", "cancelled", "{}", "PUBLISH", "") })
	})
}

const fleetSize = 100

func otherWorker(n int) string { return fmt.Sprintf("other-%02d", n) }

// scriptBench arranges runs in a queue of its own Redis, and calls scripts.
type scriptBench struct {
	b    *testing.B
	ctx  context.Context
	c    redis.UniversalClient
	keys keys

	measured *redis.Script // called by its hash; those that only arrange something, by their text
}

func newScriptBench(b *testing.B) *scriptBench {
	s := &scriptBench{b: b, ctx: context.Background(), c: testenv.Redis(b).Client(), keys: keysOf("default")}
	if err := loadScripts(s.ctx, s.c); err != nil {
		b.Fatal(err)
	}
	s.empty()
	return s
}

// empty leaves a queue with one live worker, "w".
func (s *scriptBench) empty() {
	s.c.FlushDB(s.ctx)
	s.c.ZAdd(s.ctx, s.keys.workers(), redis.Z{Score: float64(time.Now().UnixMilli()), Member: "w"})
	s.c.HSet(s.ctx, s.keys.sessions(), "w", 1)
	s.c.HSet(s.ctx, s.keys.ours+"capacity", "w", "100000 10 50")
	s.c.Set(s.ctx, s.keys.slots(), "100000 10 50", 0)
}

func (s *scriptBench) exec(pipe redis.Pipeliner) {
	if _, err := pipe.Exec(s.ctx); err != nil {
		s.b.Fatal(err)
	}
}

// must calls a script.
func (s *scriptBench) must(script *redis.Script, args ...any) {
	call := script.Eval
	if script == s.measured {
		call = script.EvalSha
	}
	if err := call(s.ctx, s.c, s.keys.slot(), args...).Err(); err != nil && err != redis.Nil {
		s.b.Fatal(err)
	}
}

// store writes the record of a run, as submit and claim leave it.
func (s *scriptBench) store(pipe redis.Pipeliner, id, state, worker string) {
	us := time.Now().UnixMicro()
	pipe.HSet(s.ctx, s.keys.runPrefix()+id, "state", state, "fence", 1, "spec", "s", "event", `{"n":1}`, "at", us,
		"limit", 60_000, "turn", "u1", "worker", worker, "started", us, "reply", "")
	pipe.ZAdd(s.ctx, s.keys.due(), redis.Z{Score: float64(us/1000 + 3_600_000), Member: id})
	if state == "queued" {
		pipe.HSet(s.ctx, s.keys.taskPrefix()+taskID(id, 1), "state", "pending", "msg", "m")
	}
}

// begun adds a run that a worker executes.
func (s *scriptBench) begun(pipe redis.Pipeliner, worker string) string {
	id := NewRunID("default")
	s.store(pipe, id, "running", worker)
	pipe.ZAdd(s.ctx, s.keys.begun(), redis.Z{Member: worker + " " + taskID(id, 1)})
	pipe.SAdd(s.ctx, s.keys.flight(1), id)
	return id
}

func (s *scriptBench) running(worker string) string {
	pipe := s.c.Pipeline()
	id := s.begun(pipe, worker)
	s.exec(pipe)
	return id
}

// others adds attempts that a fleet of other workers executes; asynq's list of
// active tasks has as many of them as it may.
func (s *scriptBench) others(n int) {
	for from := 0; from < n; from += 1000 {
		pipe := s.c.Pipeline()
		for i := from; i < min(from+1000, n); i++ {
			id := s.begun(pipe, otherWorker(i%(fleetSize-1)))
			if i < 1000 {
				pipe.RPush(s.ctx, s.keys.active(), taskID(id, 1))
			}
		}
		s.exec(pipe)
	}
}

// parked adds runs that have outlived any retention, and wait.
func (s *scriptBench) parked(n int) {
	for from := 0; from < n; from += 1000 {
		pipe := s.c.Pipeline()
		for range min(1000, n-from) {
			id := NewRunID("default")
			s.store(pipe, id, "waiting", "")
			pipe.HSet(s.ctx, s.keys.runPrefix()+id, "at", 1)
		}
		s.exec(pipe)
	}
}

// ended adds settled runs.
func (s *scriptBench) ended(n int) {
	pipe := s.c.Pipeline()
	for range n {
		id := NewRunID("default")
		pipe.HSet(s.ctx, s.keys.runPrefix()+id, "state", "succeeded", "fence", 1, "at", 1, "finished", 1)
		pipe.RPush(s.ctx, s.keys.ended(), id)
		pipe.ZAdd(s.ctx, s.keys.index(), redis.Z{Member: id})
	}
	s.exec(pipe)
}

// scriptCall is a script of the path of a run, with what it needs to be called once.
type scriptCall struct {
	name   string
	script *redis.Script
	call   func(i int)
}

func (s *scriptBench) calls() []scriptCall {
	submit := func() string {
		id := NewRunID("default")
		s.must(submitScript, "api", "", 10_000, -1, id, "m", "s", `{"n":1}`, 60_000, "1", "w1", "", "", 0, "", "")
		return id
	}
	return []scriptCall{
		{"submit", submitScript, func(int) { submit() }},
		{"submit_debounced", submitDebouncedScript, func(int) { // replaces a run
			s.must(submitDebouncedScript, NewRunID("default"), "s", `{"n":1}`, 60_000, "u1", "", "", "", "", -1, "k", 3_600_000, -1, "{}", "PUBLISH", "2026-01-01", 4102444800)
		}},
		{"submit_batched", submitBatchedScript, func(i int) { // adds an event
			s.must(submitBatchedScript, NewRunID("default"), "s", `{"event":1}`, 60_000, "u1", strconv.Itoa(i), "", 60_000, "", -1, "b", 3_600_000, 1_000_000, 1_000_000)
		}},
		{"claim", claimScript, func(int) {
			s.c.Del(s.ctx, s.keys.pending())
			submit()
			s.must(claimScript, "w", 1, pendingList, 1, 0)
		}},
		{"finish", finishScript, func(int) {
			s.must(finishScript, "PUBLISH", "w", s.running("w"), 1, "succeeded", "[]", "", "")
		}},
		{"settle", settleScript, func(int) {
			id := s.running("w")
			s.must(finishScript, "PUBLISH", "w", id, 1, "succeeded", "[]", "", "")
			s.must(settleScript, "2026-01-01", 4102444800, id, "")
		}},
		{"park", parkScript, func(int) { s.must(parkScript, s.running("w"), 1, 3_600_000, "", "w", "", "") }},
		{"requeue", requeueScript, func(int) { s.must(requeueScript, s.running("w"), 1, "running", "m", "1", 3, "", "") }},
		{"stop", stopScript, func(int) { s.must(stopScript, s.running("w"), "", "cancelled", "{}", "PUBLISH", "") }},
		{"journal", journalScript, func(int) { s.must(journalScript, s.running("w"), 1, "k", "r{}", "w") }},
		{"beat", beatScript, func(int) { s.must(beatScript, "w", 1, 10_000, 256, "100000 10 50") }},
		{"redeliver", redeliverScript, func(i int) { s.must(redeliverScript, "w", i+2) }},
		{"tidy", tidyScript, func(int) {
			s.ended(1)
			s.must(tidyScript, "w", 1, 100, 15_000, "")
		}},
	}
}

// measure calls b.N times and reports what Redis spent in the script, by Redis'
// own clock.
func (s *scriptBench) measure(b *testing.B, script *redis.Script, call func(i int)) {
	s.b, s.measured = b, script
	s.c.ConfigResetStat(s.ctx)
	for i := range b.N {
		call(i)
	}
	stats, err := s.c.Info(s.ctx, "commandstats").Result()
	if err != nil {
		b.Fatal(err)
	}
	found := microsOf.FindStringSubmatch(stats)
	if found == nil {
		b.Fatal("the script was not called")
	}
	us, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(us/float64(b.N), "Redis-µs/op")
}

// microsOf finds the time of the scripts that were called by their hash.
var microsOf = regexp.MustCompile(`cmdstat_evalsha:calls=\d+,usec=(\d+)`)

package queue

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
)

// TestModel has the scripts play random histories of runs on a real Redis, through the calls that API processes
// and workers make, and holds each answer against a model in memory: two workers
// that claim, lose replies, stop and continue, die, are evicted and hand back; API processes that
// submit, repeat, cancel, call, pause and resume; a clock that moves. After each step
// every run is where the model has it, and an audit finds nothing; after each
// history everything ends and nothing is left.
//
// Many and long histories: go test ./queue -run TestModel -rapid.checks=5000 -rapid.steps=100.
// A failure prints its seed and the shortest history that was found.
func TestModel(t *testing.T) {
	t.Parallel()
	history := newHistories(t)
	rapid.Check(t, func(t *rapid.T) {
		w := history(t)
		defer w.close()
		t.Repeat(w.steps())
		w.end()
	})
}

// steps are the steps of a history by name, and the check after each.
func (w *world) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"":               w.check,
		"submit":         w.submit,
		"submit ":        w.submit,
		"submit delayed": w.submitDelayed,
		"debounce":       w.debounce,
		"debounce ":      w.debounce,
		"batch":          w.batch,
		"batch ":         w.batch,
		"read":           w.read,
		"resume":         w.resume,
		"claim":          w.claim,
		"claim ":         w.claim,
		"beat":           w.beat,
		"repair":         w.repairLate,
		"finish":         w.finish,
		"finish ":        w.finish,
		"park":           w.park,
		"acquire":        w.acquire,
		"acquire ":       w.acquire,
		"park paused":    w.parkIfPaused,
		"park paused ":   w.parkIfPaused,
		"journal":        w.journal,
		"respond":        w.respond,
		"call":           w.call,
		"cancel":         w.cancel,
		"settle":         w.settle,
		"tidy":           w.tidy,
		"resume flow":    w.resumeFlow,
		"deliver":        w.redeliver,
		"inbox":          w.strand,
		"stop":           w.stopWorker,
		"kill":           w.killWorker,
		"evict":          w.evict,
		"time":           w.pass,
		"sessions":       w.lateClaim,
	}
}

// Times of the model are minutes, and the waits of the scripts are minutes, too (longWaits), so that the time which a history
// itself takes makes no difference.
const (
	tick           = 10 // the least that passes at once: all short waits of the scripts are over
	soon           = 1  // due when time passes next
	modelLease     = 25
	modelLimit     = 55
	modelWindow    = 65
	modelRetention = 125
	never          = 1 << 30
)

// modelRun is a run as it should be.
type modelRun struct {
	id, version string
	flow        int64
	waited      bool
	state       State
	fence       int
	crashes     int
	worker      string
	stopped     bool // ended from outside
	deadline    int  // never: none yet
	limit       int  // counts from the first start; 0: it counted from acceptance
	due         int  // when the reconciler looks
	called      bool
	steps       bool // it was parked with what its steps did
	limited     bool // it came to a concurrency limit
	entered     bool
	inside      bool // it has been told that it has a place, by its present attempt
	held        bool // it stands in the line of its flow's pause
	settled     bool
	finished    int
	output      string
	gone        bool // removed by tidy
	early       bool
	journal     map[string]string
	resumedBy   *modelRun
	ticket      *Ticket
	collects    *modelCollecting // nil: it began, or begins, with its own event
}

func (r *modelRun) live() bool { return !r.gone && !r.state.Terminal() }

// executes tells whether an attempt may write.
func (r *modelRun) executes(a *Attempt) bool {
	return !r.gone && r.state == Running && r.fence == a.Number
}

// modelWorker is a worker process, and what the registry should say of it.
type modelWorker struct {
	*Server
	registered bool
	beaten     int
	session    int64 // as stored; 0: none
	lost       bool  // a claim's answer was lost
}

// begun is an attempt that a worker knows of, or knew.
type begunAttempt struct {
	*Attempt
	by *modelWorker
}

// dueRun is what a beat handed out.
type dueRun struct{ id, fence, why string }

type modelKey struct {
	run, fingerprint string
	until            int
}

// world is one history: the real thing and the model of it.
type world struct {
	ctx    context.Context
	t      *rapid.T
	conn   *redisconn.Conn
	client *Client
	redis  redis.UniversalClient
	keys   keys

	now        int
	runs       []*modelRun
	byID       map[string]*modelRun
	workers    []*modelWorker // the two that live, then those that are dead
	attempts   []begunAttempt
	handed     []dueRun // by beats whose worker has not repaired yet
	records    []Record // with which runs may be resumed later
	guards     map[string]modelKey
	open       map[string]*modelRun   // the last run that collected events, by debounce or batch key
	newest     map[string]modelNewest // by debounce key
	replaced   *modelRun              // the failed run in whose place the last submission began
	pauses     map[int64]time.Time    // flow to its last pause
	resumed    map[int64]bool         // that pause is over
	tidier     string                 // has the turn until time passes
	ended      []*modelRun            // settled, in that order
	made       int                    // workers
	failedOver bool                   // Redis has gone back to an earlier state
	pausesMade int

	history *modelHistory // nil: there is none
}

// newHistories starts a Redis, on which each call of the result begins a history.
func newHistories(t *testing.T) func(*rapid.T) *world {
	t.Helper()
	conn, err := redisconn.Parse(testenv.Redis(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	conn = conn.With(newScriptCalls(t), newWaitLonger(t))
	client, err := NewClient(Config{Redis: conn, Log: slog.New(slog.DiscardHandler), MaxPending: -1, MaxAge: -1})
	if err != nil {
		t.Fatal(err)
	}
	base := conn.Client()
	t.Cleanup(func() {
		client.Close()
		_ = base.Close()
	})
	return func(t *rapid.T) *world { return newWorld(t, conn, client, base) }
}

func newWorld(t *rapid.T, conn *redisconn.Conn, client *Client, base redis.UniversalClient) *world {
	w := &world{
		ctx: context.Background(), t: t, conn: conn, client: client, redis: base, keys: keysOf("default"),
		byID: map[string]*modelRun{}, guards: map[string]modelKey{}, open: map[string]*modelRun{}, newest: map[string]modelNewest{}, pauses: map[int64]time.Time{}, resumed: map[int64]bool{},
	}
	base.FlushDB(w.ctx)
	base.SAdd(w.ctx, asynqQueues, "default")
	for range 2 {
		w.workers = append(w.workers, w.newWorker())
	}
	return w
}

// newWorker is a worker that has registered.
func (w *world) newWorker() *modelWorker {
	w.made++
	s, err := NewServer(ServerConfig{
		Redis: w.conn, Log: slog.New(slog.DiscardHandler), Queue: "default", ID: fmt.Sprint("w", w.made), Slots: 3, Spare: 1, Handler: echo,
		Lease: modelLease * time.Minute, Retention: modelRetention * time.Minute, History: w.history != nil,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	s.life = w.ctx
	m := &modelWorker{Server: s, lost: true}
	s.claims.begin = func(a *Attempt) { w.begin(m, a) }
	w.beatOf(m)
	return m
}

func (w *world) begin(m *modelWorker, a *Attempt) {
	w.must(decodeSpec(a.spec, &a.Spec))
	w.says("I8: the version", a.Version, w.byID[a.ID].version)
	w.hasEvents(a)
	a.server, a.Queue, a.done = m.Server, "default", make(chan struct{})
	w.attempts = append(w.attempts, begunAttempt{a, m})
}

func (w *world) close() {
	for _, m := range w.workers {
		m.Close()
	}
	for _, r := range w.runs {
		if r.ticket != nil {
			r.ticket.Close()
		}
	}
}

// must ends the history for what is no answer.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// says holds an answer against the model's.
func (w *world) says(what string, got, want any) {
	w.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func (w *world) aWorker() *modelWorker { return w.workers[rapid.IntRange(0, 1).Draw(w.t, "worker")] }

func (w *world) aRun() *modelRun {
	if len(w.runs) == 0 {
		w.t.Skip("no runs")
	}
	return w.runs[rapid.IntRange(0, len(w.runs)-1).Draw(w.t, "run")]
}

// anAttempt is any that a worker has or had: those of stopped workers, that come
// back later, among them.
func (w *world) anAttempt() (begunAttempt, *modelRun) {
	if len(w.attempts) == 0 {
		w.t.Skip("no attempts")
	}
	a := w.attempts[rapid.IntRange(0, len(w.attempts)-1).Draw(w.t, "attempt")]
	return a, w.byID[a.ID]
}

// check holds everything that is stored of runs against the model.
func (w *world) check(t *rapid.T) {
	w.t = t
	pipe := w.redis.Pipeline()
	fields := make([]*redis.SliceCmd, len(w.runs))
	due, index := make([]*redis.FloatCmd, len(w.runs)), make([]*redis.FloatCmd, len(w.runs))
	for i, r := range w.runs {
		fields[i] = pipe.HMGet(w.ctx, w.keys.runPrefix()+r.id, "state", "fence", "crashes", "worker", "output")
		due[i], index[i] = pipe.ZScore(w.ctx, w.keys.due(), r.id), pipe.ZScore(w.ctx, w.keys.index(), r.id)
	}
	if _, err := pipe.Exec(w.ctx); err != nil && !isNil(err) {
		t.Fatal(err)
	}
	for i, r := range w.runs {
		var got [5]string
		for n, v := range fields[i].Val() {
			got[n], _ = v.(string)
		}
		want := [5]string{string(r.state), fmt.Sprint(r.fence), fmt.Sprint(r.crashes), r.worker, r.output}
		if got[1] == "" && r.state == Queued {
			got[1] = "1"
		}
		for n := range 3 { // numbers that are not stored
			if got[n] == "" && !r.gone {
				got[n] = "0"
			}
		}
		if r.gone {
			want = [5]string{}
		}
		if got != want {
			t.Fatalf("run %d is stored as %q, want %q", i, got, want)
		}
		w.says(fmt.Sprintf("run %d, %s: due, indexed", i, r.state), []bool{due[i].Err() == nil, index[i].Err() == nil},
			[]bool{!r.gone && !r.settled, !r.gone && r.settled})
	}
	w.checkFailed()
	w.checkCollecting()
	faults, _, err := w.client.audit(w.ctx, "default")
	w.must(err)
	if len(faults) > 0 {
		t.Fatalf("audit: %v", faults)
	}
}

// checkFailed holds the stream of failed runs against the model: each that failed and was settled is in it once.
func (w *world) checkFailed() {
	entries, err := w.redis.XRange(w.ctx, w.keys.failed(), "-", "+").Result()
	w.must(err)
	got, want := []string{}, []string{}
	for _, e := range entries {
		got = append(got, e.Values["run"].(string))
	}
	for _, r := range w.runs {
		if r.settled && (r.state == Failed || r.state == TimedOut) {
			want = append(want, r.id)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	w.says("failed runs", got, want)
}

// pass lets time go by: everything that is stored becomes older.
func (w *world) pass(t *rapid.T) {
	w.t = t
	w.elapse(rapid.SampledFrom([]int{1, 1, 1, 1, 3, 13}).Draw(t, "ticks"))
}

func (w *world) elapse(ticks int) {
	w.now += ticks * tick
	w.tidier = ""
	w.must(older.Run(w.ctx, w.redis, nil, (time.Duration(ticks*tick) * time.Minute).Milliseconds()).Err())
}

// older moves every moment that is stored into the past, by ARGV[1] ms.
var older = redis.NewScript(`
local ms = tonumber(ARGV[1])
local function back(n, unit) return string.format("%.0f", n - ms * unit) end
local sets = {due = 1, workers = 1, index = 1, held = 1000, inside = 1000, line = 1000, g = 1000, lease = 0.001}
local fields = {at = 1000, started = 1000, finished = 1000, recalled = 1000, deadline = 1, ["until"] = 1}
for _, key in ipairs(redis.call("KEYS", "*")) do
	local kind = redis.call("TYPE", key).ok
	local unit = sets[string.match(key, "}:(%a+)$") or string.match(key, "}:(%a+):") or ""] or sets[string.match(key, ":(%a+)$") or ""]
	if kind == "zset" and unit then
		local all = redis.call("ZRANGE", key, 0, -1, "WITHSCORES")
		for i = 1, #all, 2 do redis.call("ZADD", key, back(all[i+1], unit), all[i]) end
	elseif kind == "hash" and string.find(key, "}:run:", 1, true) then
		for field, unit in pairs(fields) do
			local at = redis.call("HGET", key, field)
			if at then redis.call("HSET", key, field, back(at, unit)) end
		end
	end
	if kind == "string" and string.find(key, "}:window:", 1, true) then
		local value = redis.call("GET", key)
		if #value > 36 then redis.call("SET", key, string.sub(value, 1, 36) .. back(string.sub(value, 37), 1), "KEEPTTL") end
	end
	local left = redis.call("PTTL", key)
	if left >= 0 then redis.call("PEXPIRE", key, math.max(left - ms, 0)) end
end
return 1`)

// end lets everything end, and looks at what is left.
func (w *world) end() {
	w.killWorkers()
	m := w.workers[0]
	for flow := range maps.Keys(w.pauses) {
		if !w.resumed[flow] {
			w.flowResumed(flow)
		}
	}
	for round := 0; slices.ContainsFunc(w.runs, (*modelRun).live); round++ {
		if round == 60 {
			w.t.Fatalf("I1: runs do not end")
		}
		for _, r := range w.runs {
			if r.live() && r.state == Waiting && r.due > w.now+tick {
				w.cancelRun(r)
			}
		}
		w.elapse(1)
		w.beatOf(m)
		for _, c := range m.claims.all {
			w.startSession(m)
			w.take(m, c, false)
		}
		for _, a := range w.attempts {
			if r := w.byID[a.ID]; a.by == m && m.inFlight.get(a.task) == a.Attempt {
				if r.executes(a.Attempt) {
					r.state, r.output, r.finished = Succeeded, "[]", w.now
				}
				_, err := m.Server.finish(a.Attempt, Outcome{State: Succeeded, Output: []byte("[]")})
				w.must(err)
				w.handBack(a, r.state.Terminal())
			}
		}
		w.check(w.t)
	}
	w.answers()
	for range 4 { // buries the dead
		w.elapse(1)
		w.beatOf(m)
	}
	for range 2 { // retention, guards and places at gates
		w.elapse(300)
		w.beatOf(m)
		for _, c := range m.claims.all { // passes over what was stopped
			w.take(m, c, false)
		}
		if w.history != nil {
			w.copyAll()
		}
		w.tidyBy(m)
	}
	w.check(w.t)
	w.empty()
}

// killWorkers leaves one worker that has just come.
func (w *world) killWorkers() {
	for _, m := range w.workers[:2] {
		w.replace(m)
	}
	w.elapse(3)
	for _, m := range w.workers[:2] {
		w.beatOf(m)
	}
}

// answers checks that every caller has the stored result (I4, I7).
func (w *world) answers() {
	w.client.pollOverdue(w.ctx)
	for i, r := range w.runs {
		if r.ticket == nil {
			continue
		}
		ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
		got, err := r.ticket.Wait(ctx)
		cancel()
		if r.early && err == nil && !got.State.Terminal() {
			continue
		}
		if err != nil || got.State != r.state || string(got.Output) != r.output {
			w.t.Fatalf("who waits for run %d got %s %s %v, want %s %s", i, got.State, got.Output, err, r.state, r.output)
		}
	}
}

// empty checks the key space: what belonged to runs is gone.
func (w *world) empty() {
	left, err := w.redis.Keys(w.ctx, "*").Result()
	w.must(err)
	kept := []string{"slots", "capacity", "sessions", "workers", "fleet", "resumed", "turn", "given", "shares", "tidy", "processed", "failed"}
	for _, key := range left {
		_, name, ours := strings.Cut(key, "}:")
		if name, _, _ = strings.Cut(name, ":"); ours && !slices.Contains(kept, name) {
			w.t.Errorf("left when all runs are gone: %s", key)
		}
	}
}

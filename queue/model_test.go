package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"penstock/internal/redisconn"
	"penstock/internal/testenv"
)

// TestModel has the scripts play random histories of runs on a real Redis, through the calls that doors
// and workers make, and holds each answer against a model in memory: two workers
// that claim, lose answers, stop and go on, die, are buried and hand back; doors that
// submit, repeat, cancel, call, pause and resume; a clock that moves. After each step
// every run is where the model has it, and an audit finds nothing; after each
// history everything ends and nothing is left.
//
// Many and long histories: go test ./queue -run TestModel -rapid.checks=5000 -rapid.steps=100.
// A failure prints its seed and the shortest history that was found.
func TestModel(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	conn, err := redisconn.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	conn = conn.With(newScriptCalls(t))
	client, err := NewClient(Config{Redis: conn, Log: slog.New(slog.DiscardHandler), MaxPending: -1, MaxAge: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	base := conn.Client()
	defer base.Close()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, conn, client, base)
		defer w.close()
		t.Repeat(map[string]func(*rapid.T){
			"":         w.check,
			"submit":   w.submit,
			"submit ":  w.submit,
			"later":    w.later,
			"claim":    w.claim,
			"claim ":   w.claim,
			"beat":     w.beat,
			"mend":     w.mendLate,
			"finish":   w.finish,
			"finish ":  w.finish,
			"park":     w.park,
			"enter":    w.enter,
			"enter ":   w.enter,
			"hold":     w.hold,
			"hold ":    w.hold,
			"journal":  w.journal,
			"respond":  w.respond,
			"call":     w.call,
			"cancel":   w.cancel,
			"settle":   w.settle,
			"tidy":     w.tidy,
			"release":  w.release,
			"deliver":  w.redeliver,
			"inbox":    w.strand,
			"stop":     w.stopWorker,
			"kill":     w.killWorker,
			"bury":     w.bury,
			"time":     w.pass,
			"sessions": w.lateClaim,
		})
		w.end()
	})
}

// Moments of the model are minutes. They lie far enough apart that the time
// which a history takes makes no difference.
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
	entered     bool
	inside      bool // it has been told that it has a place, by its present attempt
	held        bool // it stands in the line of its flow's pause
	settled     bool
	finished    int
	output      string
	gone        bool // removed by tidy
	early       bool
	journal     map[string]string
	ticket      *Ticket
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

type modelGuard struct {
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
	handed     []dueRun // by beats whose worker has not come to mend yet
	guards     map[string]modelGuard
	pauses     map[int64]time.Time // flow to its last pause
	resumed    map[int64]bool      // that pause is over
	tidier     string              // has the turn until time passes
	ended      []*modelRun         // settled, in that order
	made       int                 // workers
	pausesMade int
}

func newWorld(t *rapid.T, conn *redisconn.Conn, client *Client, base redis.UniversalClient) *world {
	w := &world{
		ctx: context.Background(), t: t, conn: conn, client: client, redis: base, keys: keysOf("default"),
		byID: map[string]*modelRun{}, guards: map[string]modelGuard{}, pauses: map[int64]time.Time{}, resumed: map[int64]bool{},
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
		Lease: modelLease * time.Minute, Retention: modelRetention * time.Minute,
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
	faults, _, err := w.client.audit(w.ctx, "default")
	w.must(err)
	if len(faults) > 0 {
		t.Fatalf("audit: %v", faults)
	}
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
local fields = {at = 1000, started = 1000, finished = 1000, deadline = 1}
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
	local left = redis.call("PTTL", key)
	if left >= 0 then redis.call("PEXPIRE", key, math.max(left - ms, 0)) end
end
return 1`)

func (w *world) submit(t *rapid.T) {
	w.t = t
	s := Submission{Spec: spec()}
	s.Flow, s.Sync = int64(rapid.IntRange(1, 3).Draw(t, "flow")), rapid.Bool().Draw(t, "waited")
	s.ID, s.Version, s.Limit = NewRunID("default"), fmt.Sprint("v", len(w.runs)), modelLimit*time.Minute
	if s.Flow == 2 {
		s.Share, s.FairKey = 20, rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "fair key")
	}
	want := ""
	if key := rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(t, "key"); key != "" {
		s.Guard = &Guard{Key: key, Fingerprint: rapid.SampledFrom([]string{"f", "f", "f", "g"}).Draw(t, "payload")}
		minutes := rapid.SampledFrom([]int{modelWindow, 10 * modelWindow}).Draw(t, "window")
		s.Guard.Window = time.Duration(minutes) * time.Minute
		s.Guard.Refuse, s.Guard.Again = rapid.IntRange(0, 9).Draw(t, "refuse") == 0, rapid.Bool().Draw(t, "again")
		want = w.guarded(s.Guard, s.ID)
	}
	lost := rapid.Bool().Draw(t, "the answer is lost")
	got, ticket, again := w.send(s, lost)
	w.says("submit", got, want)
	if got == "" {
		r := &modelRun{id: s.ID, version: s.Version, flow: s.Flow, waited: s.Sync, state: Queued, fence: 1, due: w.now + soon, deadline: never, ticket: ticket}
		if r.limit = modelLimit; r.waited {
			r.deadline, r.limit = w.now+modelLimit, 0
		}
		w.add(r)
	} else if ticket != nil {
		ticket.Close()
	}
	if !lost {
		return
	}
	if rapid.Bool().Draw(t, "claimed meanwhile") {
		w.claim(t)
	}
	w.says("submit again", again(), want)
}

func (w *world) add(r *modelRun) {
	r.journal = map[string]string{}
	w.runs, w.byID[r.id] = append(w.runs, r), r
}

// send submits; again is the call that is repeated when the answer was lost.
func (w *world) send(s Submission, lost bool) (answer string, ticket *Ticket, again func() string) {
	if !lost {
		ticket, err := w.client.Submit(w.ctx, s)
		var ran *RanError
		switch {
		case errors.As(err, &ran):
			return "ran" + ran.Run, nil, nil
		case errors.Is(err, ErrReplayed):
			return "replayed", nil, nil
		case errors.Is(err, ErrMismatch):
			return "mismatch", nil, nil
		}
		w.must(err)
		if ticket.Attached() {
			return ticket.RunID(), ticket, nil
		}
		return "", ticket, nil
	}
	lane, err := w.client.lane(w.ctx, "default")
	w.must(err)
	sub := &submission{}
	w.must(w.client.compose(w.ctx, lane, sub, &s))
	ticket = w.client.waiters.add(w.client, lane, s.ID)
	call := func(repeated bool) string {
		answers, err := w.client.send(w.ctx, lane, []*submission{sub}, repeated)
		w.must(err)
		return answers[0]
	}
	return call(false), ticket, func() string { return call(true) }
}

// guarded is what a submission with a guard is told; "": it is a new run.
func (w *world) guarded(g *Guard, id string) string {
	known, held := w.guards[g.Key]
	if held && w.now < known.until {
		first := w.byID[known.run]
		switch {
		case known.fingerprint != g.Fingerprint:
			return "mismatch"
		case g.Refuse:
			return "replayed"
		case first.gone:
			return "ran" + first.id
		case !g.Again || first.state != Failed && first.state != TimedOut:
			return first.id
		}
	}
	w.guards[g.Key] = modelGuard{id, g.Fingerprint, w.now + int(g.Window/time.Minute)}
	return ""
}

func (w *world) later(t *rapid.T) {
	w.t = t
	s := Submission{Spec: spec()}
	s.ID, s.Version, s.Sync, s.Limit = NewRunID("default"), fmt.Sprint("v", len(w.runs)), false, modelLimit*time.Minute
	for range rapid.IntRange(1, 2).Draw(t, "calls") {
		id, err := w.client.Start(w.ctx, s, time.Now().Add(15*time.Minute))
		w.must(err)
		w.says("later", id, s.ID)
	}
	w.add(&modelRun{id: s.ID, version: s.Version, flow: s.Flow, state: Waiting, due: w.now + 15, deadline: never, limit: modelLimit})
}

// claim takes what is there, as a claimer does between two waits.
func (w *world) claim(t *rapid.T) {
	w.t = t
	m := w.aWorker()
	c := m.claims.all[rapid.IntRange(0, 1).Draw(t, "list")]
	if w.clear(m) {
		w.take(m, c, rapid.IntRange(0, 4).Draw(t, "the answer is lost") == 0)
	}
}

// clear starts a session if an answer was lost: what the worker has begun without knowing is
// begun again. False: it was declared dead, and has to beat first.
func (w *world) clear(m *modelWorker) bool {
	if !m.lost {
		return true
	}
	if m.session == 0 {
		w.says("a session of a dead worker", m.claims.clear(w.ctx), errDead)
		return false
	}
	var want []string
	for _, r := range w.runs {
		task := taskID(r.id, r.fence)
		if r.live() && r.state == Running && r.worker == m.cfg.ID && m.held.get(task) == nil {
			want = append(want, task)
		}
	}
	before := len(w.attempts)
	w.must(m.claims.clear(w.ctx))
	m.lost, m.session = false, m.claims.session.Load()
	var got []string
	for _, a := range w.attempts[before:] {
		got = append(got, a.task)
	}
	slices.Sort(want)
	slices.Sort(got)
	w.says("begun again", got, want)
	return true
}

// take calls claim.lua. The model reads the lists: in which order runs come is not its matter.
func (w *world) take(m *modelWorker, c *claimer, lost bool) {
	most := max(0, min(c.free(), m.cfg.Prefetch))
	tasks := append(w.list(c.inbox), w.list(c.source)...)
	reply, err := c.claim(w.ctx)
	if !isNil(err) {
		w.must(err)
	}
	if m.session == 0 || m.claims.session.Load() < m.session {
		if _, took := reply.([]any); took {
			w.t.Fatalf("a worker with session %d of %d took %v", m.claims.session.Load(), m.session, reply)
		}
		return
	}
	var want []string
	for _, task := range tasks {
		if r := w.byID[task[:idLen]]; len(want) < most && r != nil && r.state == Queued && task == taskID(r.id, r.fence) {
			want = append(want, task)
			r.state, r.worker = Running, m.cfg.ID
			if r.deadline == never {
				r.deadline = w.now + r.limit
			}
		}
	}
	values, _ := reply.([]any)
	var got []string
	for _, a := range newAttempts(values) {
		got = append(got, a.task)
		if lost {
			continue
		}
		a.spare = c.list == expressList
		m.held.add(a)
		w.begin(m, a)
	}
	w.says("claim", got, want)
	if lost {
		m.lost = true
		m.claims.unclear.Store(true)
	}
}

// list has the tasks of a list, the next one first.
func (w *world) list(key string) []string {
	all, err := w.redis.LRange(w.ctx, key, 0, -1).Result()
	w.must(err)
	slices.Reverse(all)
	return all
}

// lateClaim is a claim of an earlier session, which reaches Redis late: it takes nothing.
func (w *world) lateClaim(t *rapid.T) {
	w.t = t
	m := w.aWorker()
	list := rapid.SampledFrom([]string{pendingList, expressList}).Draw(t, "list")
	reply, err := claimScript.Run(w.ctx, w.redis, w.keys.slot(), m.cfg.ID, max(0, m.session-1), list, 8, 0).Result()
	if !isNil(err) {
		w.must(err)
	}
	if _, took := reply.([]any); took {
		t.Fatalf("a claim of an earlier session took %v", reply)
	}
}

// strand leaves a task in a worker's inbox, as a wait whose worker goes away does.
func (w *world) strand(t *rapid.T) {
	w.t = t
	c := w.aWorker().claims.all[rapid.IntRange(0, 1).Draw(t, "list")]
	if c.registeredAt(w) {
		w.redis.LMove(w.ctx, c.source, c.inbox, "right", "left")
	}
}

// registeredAt reports whether the claimer's worker is in the registry: what one
// takes that is not comes back when it claims again.
func (r *claimer) registeredAt(w *world) bool {
	for _, m := range w.workers[:2] {
		if m.claims == r.claims {
			return m.registered
		}
	}
	return false
}

// redeliver has asynq deliver a task once more, as it does when it takes its worker for dead.
func (w *world) redeliver(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	if r.gone {
		return
	}
	if r.state == Running && r.fence == a.Number {
		w.redis.LRem(w.ctx, w.keys.active(), 0, a.task)
	}
	w.redis.LPush(w.ctx, w.keys.pending(), a.task)
}

// finish is the end of an attempt that executes, was overtaken, or has ended before.
func (w *world) finish(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	o := Outcome{State: rapid.SampledFrom([]State{Succeeded, Succeeded, Failed}).Draw(t, "outcome"), Output: []byte(fmt.Sprintf("[%d]", len(w.attempts)))}
	for range rapid.IntRange(1, 2).Draw(t, "calls") {
		want := r.executes(a.Attempt) || !r.gone && r.state.Terminal() && r.fence == a.Number
		if r.executes(a.Attempt) {
			r.state, r.output, r.finished = o.State, string(o.Output), w.now
		}
		ours, err := a.by.Server.finish(a.Attempt, o)
		w.must(err)
		w.says("finish", ours, want)
	}
	w.letGo(a, rapid.Bool().Draw(t, "settles") && r.state.Terminal())
}

// letGo is what a worker does after an attempt.
func (w *world) letGo(a begunAttempt, settles bool) {
	a.by.vacate(a.Attempt)
	w.vacated(a)
	a.by.held.remove(a.task)
	if settles {
		w.settleRuns(a.by, []*modelRun{w.byID[a.ID]})
	}
}

func (w *world) settle(t *rapid.T) {
	w.t = t
	w.settleRuns(w.aWorker(), []*modelRun{w.aRun(), w.aRun()})
}

func (w *world) settleRuns(m *modelWorker, runs []*modelRun) {
	var batch []settling
	for _, r := range runs {
		batch = append(batch, settling{id: r.id})
		w.settled(r)
	}
	w.must(m.Server.settle(w.ctx, batch))
}

// settled notes that a run that has ended was settled.
func (w *world) settled(r *modelRun) {
	if !r.gone && !r.settled && r.state.Terminal() {
		r.settled = true
		w.ended = append(w.ended, r)
	}
}

func (w *world) park(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	minutes := rapid.SampledFrom([]int{0, 15, never}).Draw(t, "minutes")
	o := Outcome{State: Waiting}
	if minutes != never {
		o.Wake = time.Now().Add(time.Duration(minutes) * time.Minute)
	}
	steps := rapid.Bool().Draw(t, "steps")
	if steps {
		o.Steps = []byte("{}")
	}
	for range rapid.IntRange(1, 2).Draw(t, "calls") {
		want := r.executes(a.Attempt) || !r.gone && r.state == Waiting && r.fence == a.Number
		if r.executes(a.Attempt) {
			r.state, r.due, r.inside = Waiting, w.now+minutes, false
			if r.called {
				r.due, r.called = w.now, false
			}
			r.steps = r.steps || steps
			r.limit, r.deadline = max(1, r.deadline-w.now), never
		}
		ours, err := a.by.Server.park(w.ctx, a.Attempt, o)
		w.must(err)
		w.says("park", ours, want)
	}
	w.letGo(a, false)
}

// gateOf is the concurrency limit of all flows together.
func gateOf() Gate { return Gate{Key: "g", Limit: 1, WhenFull: WaitInLine} }

// enter asks for a place. Who gets one is not the model's matter, but no more than
// the limit have one.
func (w *world) enter(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	was := *r
	admission, err := a.Enter(w.ctx, gateOf())
	switch {
	case err != nil:
		if !errors.Is(err, ErrLost) || was.executes(a.Attempt) {
			t.Fatalf("enter: %v", err)
		}
	case admission == Admitted:
		w.says("enter of an attempt that executes", was.executes(a.Attempt), true)
		r.entered, r.inside = true, true
		n := 0
		for _, other := range w.runs {
			if other.state == Running && other.inside {
				n++
			}
		}
		if n > gateOf().Limit {
			t.Fatalf("%d runs are inside a gate for %d", n, gateOf().Limit)
		}
		return
	case was.state == Waiting && was.fence == a.Number: // a repeated call
	default:
		w.says("enter of an attempt that executes", was.executes(a.Attempt), true)
		r.state = Waiting
		switch {
		case r.entered:
			r.limit, r.deadline = max(1, r.deadline-w.now), never
		case r.limit > 0:
			r.deadline = never
		}
		r.due = w.lookAt(r)
	}
	w.woken()
	w.letGo(a, false)
}

// woken takes over which runs in line enter has made due.
func (w *world) woken() {
	for _, r := range w.runs {
		if r.live() && r.state == Waiting && w.redis.ZScore(w.ctx, w.keys.due(), r.id).Val() == 0 {
			r.due = w.now
		}
	}
}

// vacated is what vacate.lua does beyond the gate itself: it wakes who comes next.
func (w *world) vacated(a begunAttempt) {
	if len(a.gates) == 0 {
		return
	}
	if r := w.byID[a.ID]; r.state != Running && r.state != Queued {
		r.inside = false
	}
	w.adopt()
}

// adopt takes over which parked runs were woken where the model leaves it open: those
// move on by one attempt, or not at all.
func (w *world) adopt() {
	for _, r := range w.runs {
		if r.gone || r.state != Waiting {
			continue
		}
		v, err := w.redis.HMGet(w.ctx, w.keys.runPrefix()+r.id, "state", "fence").Result()
		w.must(err)
		if v[0] == string(Queued) && v[1] == fmt.Sprint(r.fence+1) {
			w.next(r)
		}
	}
}

// next moves a run to its next attempt.
func (w *world) next(r *modelRun) {
	r.state, r.fence, r.inside, r.due = Queued, r.fence+1, false, w.lookAt(r)
}

// lookAt is when the reconciler looks at a run next: soon, or now if its deadline is over.
func (w *world) lookAt(r *modelRun) int {
	if r.deadline < w.now {
		return w.now
	}
	return w.now + soon
}

func (w *world) hold(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	since, paused := w.pauses[r.flow]
	if !paused || w.resumed[r.flow] && rapid.Bool().Draw(t, "pause again") {
		w.pausesMade++
		since = time.UnixMilli(int64(w.pausesMade))
		w.pauses[r.flow], w.resumed[r.flow] = since, false
	}
	for range rapid.IntRange(1, 2).Draw(t, "calls") {
		var want Admission
		lost := false
		switch {
		case !r.gone && r.state == Waiting && r.fence == a.Number && r.held:
			want = InLine // a repeated call
		case !r.executes(a.Attempt):
			want, lost = TurnedAway, true
		case r.steps || w.resumed[r.flow]:
			want = Admitted
		default:
			want = InLine
			r.state, r.held, r.inside = Waiting, true, false
			if r.limit > 0 {
				r.deadline = never
			}
			r.due = w.lookAt(r)
		}
		got, err := a.Hold(w.ctx, since)
		w.says("hold", []any{got, errors.Is(err, ErrLost)}, []any{want, lost})
		if want == Admitted {
			return
		}
	}
	w.letGo(a, false)
}

func (w *world) release(t *rapid.T) {
	w.t = t
	flow := int64(rapid.IntRange(1, 3).Draw(t, "flow"))
	if _, paused := w.pauses[flow]; paused {
		w.resume(flow)
	}
}

func (w *world) resume(flow int64) {
	_, err := w.client.Release(w.ctx, flow, w.pauses[flow])
	w.must(err)
	w.resumed[flow] = true
	for _, r := range w.runs {
		if r.flow == flow && r.held {
			if r.held = false; r.live() && r.state == Waiting {
				w.next(r)
			}
		}
	}
}

// journal records an effect: the start of one that happens once, or a result.
func (w *world) journal(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	key := rapid.SampledFrom([]string{"one", "two"}).Draw(t, "step")
	what := rapid.SampledFrom([]string{"s", "r"}).Draw(t, "kind") + fmt.Sprint(len(w.attempts))
	j := a.Journal().(*journal)
	known, err := j.record(w.ctx, key, what)
	if !r.executes(a.Attempt) {
		w.says("I6: a stale write is lost", errors.Is(err, ErrLost), true)
		return
	}
	w.must(err)
	w.says("I3: what is known of the effect", known, r.journal[key])
	if !strings.HasPrefix(r.journal[key], "r") {
		r.journal[key] = what
	}
}

func (w *world) respond(t *rapid.T) {
	w.t = t
	a, r := w.anAttempt()
	err := a.Respond(w.ctx, Answer{Items: []byte("[1]")})
	w.says("I6: respond", err == nil, r.executes(a.Attempt))
	r.early = r.early || err == nil
}

func (w *world) call(t *rapid.T) {
	w.t = t
	r, key := w.aRun(), rapid.SampledFrom([]string{"one", "two"}).Draw(t, "step")
	var want error
	switch {
	case r.gone:
		want = ErrNotFound
	case !r.live():
		want = ErrOver
	case strings.HasPrefix(r.journal[key], "r"):
		want = ErrCalled
	default:
		r.journal[key] = "rcalled"
		if r.state == Waiting {
			w.next(r)
		} else {
			r.called = true
		}
	}
	w.says("call", w.client.Call(w.ctx, r.id, key, []byte("called")), want)
}

func (w *world) cancel(t *rapid.T) {
	w.t = t
	w.cancelRun(w.aRun())
}

func (w *world) cancelRun(r *modelRun) {
	had, err := w.client.Cancel(w.ctx, r.id, []byte(`{"code":"cancelled"}`))
	if r.gone {
		w.says("cancel", err, ErrNotFound)
		return
	}
	w.must(err)
	w.says("cancel", had, r.state)
	w.stopped(r, Cancelled)
}

// stopped ends a run from outside.
func (w *world) stopped(r *modelRun, state State) {
	if r.live() {
		r.state, r.fence, r.stopped, r.finished, r.due, r.inside = state, r.fence+1, true, w.now, w.now, false
	}
}

// beat is a worker's sign of life, with or without the mending after it.
func (w *world) beat(t *rapid.T) {
	w.t = t
	m := w.aWorker()
	if rapid.IntRange(0, 2).Draw(t, "its worker stops") > 0 {
		w.beatOf(m)
		return
	}
	want := w.beaten(m)
	args := []any{m.cfg.ID, m.claims.session.Load(), m.cfg.Lease.Milliseconds(), beatDue, m.cfg.offer()}
	answer, err := beatScript.Run(w.ctx, w.redis, w.keys.slot(), args...).Slice()
	w.must(err)
	due, _ := answer[1].([]any)
	known := len(w.handed)
	for ; len(due) >= 3; due = due[3:] {
		w.handed = append(w.handed, dueRun{due[0].(string), due[1].(string), due[2].(string)})
	}
	got := slices.Clone(w.handed[known:])
	for _, all := range [][]dueRun{got, want} {
		slices.SortFunc(all, func(a, b dueRun) int { return strings.Compare(a.id, b.id) })
	}
	w.says("handed out", got, want)
}

// beatOf beats and mends.
func (w *world) beatOf(m *modelWorker) {
	var lost []begunAttempt
	for _, a := range w.attempts {
		if a.by == m && m.held.get(a.task) == a.Attempt && !w.byID[a.ID].executes(a.Attempt) {
			lost = append(lost, a)
		}
	}
	due := w.beaten(m)
	w.must(m.beatOnce(w.ctx))
	for _, d := range due {
		w.mended(d)
	}
	w.busy()
	for _, a := range lost {
		w.says("the cause of an attempt that is not the worker's any more", a.cause, ErrLost)
	}
}

// busy checks that nobody stands in line beside a free slot.
func (w *world) busy() {
	if w.redis.Exists(w.ctx, w.keys.turns("w"), w.keys.turns("u")).Val() == 0 {
		return
	}
	var slots int64
	_, err := fmt.Sscan(w.redis.Get(w.ctx, w.keys.slots()).Val(), &slots)
	w.must(err)
	flying := w.redis.LLen(w.ctx, w.keys.pending()).Val() + w.redis.LLen(w.ctx, w.keys.express()).Val() + w.redis.ZCard(w.ctx, w.keys.begun()).Val()
	if flying < slots {
		w.t.Fatalf("runs stand in line while %d are in flight for %d slots", flying, slots)
	}
}

// beaten does to the model what the script does, and says what it hands out.
func (w *world) beaten(m *modelWorker) (due []dueRun) {
	heard := m.registered && w.now-m.beaten < modelLease
	if m.registered && !heard {
		for _, other := range w.workers {
			other.beaten = w.now
		}
	}
	m.registered, m.beaten, m.session = true, w.now, max(m.session, m.claims.session.Load())
	if heard {
		for _, other := range w.workers {
			if other.registered && w.now-other.beaten >= modelLease {
				w.unregistered(other)
			}
		}
	}
	for _, r := range w.runs {
		if r.gone || r.settled || r.due > w.now {
			continue
		}
		r.due = w.now + soon
		d := dueRun{r.id, fmt.Sprint(r.fence), ""}
		switch r.state {
		case Queued:
			if w.now > r.deadline {
				d.why = "late"
			}
		case Running:
			if !w.isRegistered(r.worker) {
				d.why = "lost"
			} else if w.now > r.deadline {
				d.why = "late"
			}
		case Waiting:
			d.why = "wake"
		default:
			d.why = "settle"
		}
		if d.why != "" {
			due = append(due, d)
		}
	}
	return due
}

func (w *world) isRegistered(id string) bool {
	return slices.ContainsFunc(w.workers, func(m *modelWorker) bool { return m.cfg.ID == id && m.registered })
}

// unregistered makes the runs of a buried worker due.
func (w *world) unregistered(m *modelWorker) {
	m.registered, m.session = false, 0
	for _, r := range w.runs {
		if !r.gone && !r.settled && r.worker == m.cfg.ID && (r.state == Running || r.state.Terminal() && !r.stopped) {
			r.due = w.now
		}
	}
}

// mended does to the model what a mend does: nothing, when the run has moved on.
func (w *world) mended(d dueRun) {
	r := w.byID[d.id]
	same := r.live() && fmt.Sprint(r.fence) == d.fence
	w.t.Logf("at %d mend run %d (%s): %s of %s", w.now, slices.Index(w.runs, r), r.state, d.why, d.fence)
	switch d.why {
	case "settle":
		w.settled(r)
	case "late":
		if same {
			w.stopped(r, TimedOut)
		}
	case "wake":
		if same && r.state == Waiting {
			w.next(r)
		}
	case "lost":
		switch {
		case !same || r.state != Running:
		case r.crashes == 2:
			w.stopped(r, Failed)
		default:
			r.crashes++
			w.next(r)
		}
	}
}

// mendLate mends what an earlier beat handed out, whatever has become of it since.
func (w *world) mendLate(t *rapid.T) {
	w.t = t
	if len(w.handed) == 0 {
		t.Skip("nothing was handed out")
	}
	d := w.handed[rapid.IntRange(0, len(w.handed)-1).Draw(t, "handed out")]
	w.must(w.aWorker().mend(w.ctx, d.id, d.fence, d.why))
	w.mended(d)
}

func (w *world) tidy(t *rapid.T) {
	w.t = t
	w.tidyBy(w.aWorker())
}

func (w *world) tidyBy(m *modelWorker) {
	m.Server.tidy(w.ctx)
	if w.tidier != "" && w.tidier != m.cfg.ID {
		return
	}
	w.tidier = m.cfg.ID
	over := func(r *modelRun) bool { return w.now-r.finished > modelRetention }
	var indexed, gone []*modelRun // the oldest accepted, and the first that were settled
	for _, r := range w.runs {
		if r.settled && !r.gone && len(indexed) < 20 {
			indexed = append(indexed, r)
		}
	}
	for len(w.ended) > 0 && (w.ended[0].gone || over(w.ended[0])) {
		gone, w.ended = append(gone, w.ended[0]), w.ended[1:]
	}
	for _, r := range indexed {
		if over(r) {
			gone = append(gone, r)
		}
	}
	for _, r := range gone {
		r.gone = true
	}
}

// stopWorker hands back what a worker has and takes it out of the registry; another one takes its place.
func (w *world) stopWorker(t *rapid.T) {
	w.t = t
	m := w.aWorker()
	w.clear(m)
	for _, a := range w.attempts {
		if a.by == m && m.held.get(a.task) == a.Attempt {
			w.must(m.handBack(w.ctx, a.Attempt))
			if r := w.byID[a.ID]; r.executes(a.Attempt) {
				w.next(r)
			}
			m.held.remove(a.task)
		}
	}
	m.deregister(w.ctx)
	m.registered, m.session = false, 0
	w.replace(m)
}

// bury has the other worker find that one does not beat any more. It may go on later.
func (w *world) bury(t *rapid.T) {
	w.t = t
	other := w.aWorker()
	for range 4 {
		w.elapse(1)
		w.beatOf(other)
	}
}

// killWorker ends a worker without a word; another one takes its place.
func (w *world) killWorker(t *rapid.T) {
	w.t = t
	w.replace(w.aWorker())
}

func (w *world) replace(m *modelWorker) {
	i := slices.Index(w.workers, m)
	w.workers = append(w.workers, m)
	w.workers[i] = w.newWorker()
}

// end lets everything end, and looks at what is left.
func (w *world) end() {
	w.killWorkers()
	m := w.workers[0]
	for flow := range maps.Keys(w.pauses) {
		if !w.resumed[flow] {
			w.resume(flow)
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
			w.clear(m)
			w.take(m, c, false)
		}
		for _, a := range w.attempts {
			if r := w.byID[a.ID]; a.by == m && m.held.get(a.task) == a.Attempt {
				if r.executes(a.Attempt) {
					r.state, r.output, r.finished = Succeeded, "[]", w.now
				}
				_, err := m.Server.finish(a.Attempt, Outcome{State: Succeeded, Output: []byte("[]")})
				w.must(err)
				w.letGo(a, r.state.Terminal())
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

// answers checks that who waits has what is stored (I4, I7).
func (w *world) answers() {
	w.client.recheck(w.ctx)
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
	kept := []string{"slots", "capacity", "sessions", "workers", "fleet", "resumed", "turn", "tidy", "processed", "failed"}
	for _, key := range left {
		_, name, ours := strings.Cut(key, "}:")
		if name, _, _ = strings.Cut(name, ":"); ours && !slices.Contains(kept, name) {
			w.t.Errorf("left when all runs are gone: %s", key)
		}
	}
}

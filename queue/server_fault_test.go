package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
)

// What Redis and the network between do to a run. The same, with processes
// that are killed, is in tests/faults.

func TestAnAnswerThatWasLostTakesNoRunWithIt(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	proxy := testenv.NewProxy(t, server.Addr)
	r := newTestQueue(t, server.URL())
	workers := newTestQueue(t, "redis://"+proxy.Addr)
	var attempts atomic.Int64
	workers.worker(func(ctx context.Context, a *Attempt) Outcome {
		attempts.Add(1)
		if a.Number != 1 {
			t.Errorf("attempt %d, want 1", a.Number)
		}
		return echo(ctx, a)
	})
	for name, script := range map[string]*redis.Script{"claim": claimScript, "finish": finishScript, "settle": settleScript} {
		if got := r.wait(r.submit(Submission{Spec: spec()})); got.State != Succeeded {
			t.Fatalf("undisturbed: %+v", got)
		}
		for range 3 { // one of them is a claim that finds something
			proxy.LoseAnswer(script.Hash())
		}
		for range 5 {
			if got := r.wait(r.submit(Submission{Spec: spec()})); got.State != Succeeded || got.Times.Finished.Sub(got.Times.Accepted) > 3*time.Second {
				t.Errorf("%s: %v after %v", name, got.State, got.Times.Finished.Sub(got.Times.Accepted))
			}
			r.nothingLeft() // runs that end together are settled in one call
		}
	}
	if attempts.Load() != 18 {
		t.Errorf("%d attempts of 18 runs", attempts.Load())
	}
	r.nothingLeft()
	if proxy.Lost() != 9 {
		t.Errorf("%d answers were lost, want 9", proxy.Lost())
	}
}

// An attempt that is delivered again reads its journal: it may have had effects before
// the claim's reply was lost.
func TestABegunRunThatIsTakenAgainLooksIntoItsJournal(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, k := context.Background(), keysOf("default")
	ticket := r.submit(Submission{Spec: spec()})
	r.redis.ZAdd(ctx, k.workers(), redis.Z{Score: float64(time.Now().UnixMilli()), Member: "forgetful"})
	r.redis.HSet(ctx, k.sessions(), "forgetful", 1)
	if err := claimScript.Run(ctx, r.redis, k.slot(), "forgetful", 1, pendingList, 10, 0).Err(); err != nil {
		t.Fatal(err)
	}
	r.redis.HSet(ctx, k.journalPrefix()+ticket.RunID(), "step.0", `r{"items":[]}`)
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if a.Number != 1 {
			t.Errorf("attempt %d, want 1", a.Number)
		}
		known, err := a.Journal().Start(ctx, "step.0", flows.Once)
		if err != nil || string(known.Result) != `{"items":[]}` {
			t.Errorf("journal: %s %v", known.Result, err)
		}
		return echo(ctx, a)
	}, func(c *ServerConfig) { c.ID = "forgetful" })
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

func TestWorkersOutliveASilentRedis(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, k := context.Background(), keysOf("default")
	s, err := NewServer(ServerConfig{Redis: r.conn, Log: slog.New(slog.DiscardHandler), Queue: "default", ID: "me", Slots: 1, Handler: echo})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	long := float64(time.Now().Add(-time.Minute).UnixMilli())
	r.redis.ZAdd(ctx, k.workers(), redis.Z{Score: long, Member: "me"}, redis.Z{Score: long, Member: "other"})
	beat := func() (alive bool) {
		t.Helper()
		if err := s.beatOnce(ctx); err != nil {
			t.Fatal(err)
		}
		return !errors.Is(r.redis.ZScore(ctx, k.workers(), "other").Err(), redis.Nil)
	}
	if !beat() {
		t.Error("after a minute in which Redis heard of nobody, the first worker buried the other")
	}
	if !beat() {
		t.Error("the other worker had no lease to come back in")
	}
	r.redis.ZAdd(ctx, k.workers(), redis.Z{Score: long, Member: "other"})
	if beat() {
		t.Error("a dead worker was not buried")
	}
}

// failedCalls receives a value when a call of a script has failed, after all retries of the client.
type failedCalls struct {
	*scriptCalls
	script *redis.Script
	failed chan struct{} // buffer 1
}

func (f *failedCalls) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if args := cmd.Args(); err != nil && len(args) > 1 && args[1] == f.script.Hash() && redisconn.Temporary(err) {
			select {
			case f.failed <- struct{}{}:
			default:
			}
		}
		return err
	}
}

func TestTheJournalOutlastsAnAbsentRedis(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newTestQueue(t, server.URL())
	calls := &failedCalls{newScriptCalls(t), journalScript, make(chan struct{}, 1)}
	r.conn = r.conn.With(calls)
	began, gone := make(chan struct{}), make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		close(began)
		<-gone
		j := a.Journal()
		if known, err := j.Start(ctx, "step.0", flows.Once); err != nil || known.Started {
			t.Errorf("start: %+v %v", known, err)
		}
		if err := j.Finish(ctx, "step.0", []byte(`{}`)); err != nil {
			t.Errorf("finish: %v", err)
		}
		return echo(ctx, a)
	})
	ticket := r.submit(Submission{Spec: spec()})
	<-began
	server.Kill()
	close(gone)
	testenv.Receive(t, calls.failed, "a call of the journal that fails for good")
	server.Restart()
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	if got := server.Client().HGet(context.Background(), keysOf("default").journalPrefix()+ticket.RunID(), "step.0").Val(); got != "r{}" {
		t.Errorf("journal: %q", got)
	}
}

// The client repeats a call whose answer was lost; its own start is no earlier
// attempt's.
func TestAStartWhoseAnswerWasLostIsNotUncertain(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	proxy := testenv.NewProxy(t, server.Addr)
	r := newTestQueue(t, "redis://"+proxy.Addr)
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		proxy.LoseAnswer(journalScript.Hash())
		j := a.Journal()
		if known, err := j.Start(ctx, "step.0", flows.Once); err != nil || known.Started {
			t.Errorf("start: %+v %v", known, err)
		}
		if known, err := j.Start(ctx, "step.0", flows.Once); err != nil || !known.Started {
			t.Errorf("another start: %+v %v", known, err)
		}
		return echo(ctx, a)
	})
	if got := r.wait(r.submit(Submission{Spec: spec()})); got.State != Succeeded || proxy.Lost() != 1 {
		t.Errorf("result %+v, %d answers lost", got, proxy.Lost())
	}
}

func TestARepeatedRequeueMakesOneTask(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, k := context.Background(), keysOf("default")
	ticket := r.submit(Submission{Spec: spec()})
	s, err := NewServer(ServerConfig{Redis: r.conn, Log: slog.New(slog.DiscardHandler), Queue: "default", ID: "me", Slots: 1, Handler: echo})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		if err := s.repair(ctx, ticket.RunID(), "1", "missing"); err != nil {
			t.Fatal(err)
		}
	}
	if ids := r.redis.LRange(ctx, k.pending(), 0, -1).Val(); len(ids) != 1 || ids[0] != taskID(ticket.RunID(), 1) {
		t.Errorf("pending %v", ids)
	}
}

// A worker whose clock is wrong gives a run the time that it has: what Redis
// says of moments is compared with what Redis says.
func TestDeadlinesDoNotDependOnThisClock(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-time.Hour, 0, time.Hour} {
		started := time.Now().Add(skew) // Redis' clock
		deadline := started.Add(20 * time.Second)
		a := newAttempt([]any{
			NewRunID("default") + ".1", "", "1", fmt.Sprint(started.UnixMicro()), fmt.Sprint(started.UnixMicro()),
			fmt.Sprint(deadline.UnixMilli()), "", "",
		})
		if left := time.Until(a.Deadline); left < 19*time.Second || left > 20*time.Second {
			t.Errorf("with a clock that is off by %v %v are left, want 20s", skew, left)
		}
	}
}

// A worker whose clock is ahead takes asynq's leases for expired and has asynq
// recover the tasks. The runs go on where they are.
func TestAClockThatIsAheadTakesNoRunAway(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, k := context.Background(), keysOf("default")
	began, finish := make(chan struct{}), make(chan struct{})
	soon := func(c *ServerConfig) { c.RetryDelay = func(int, error, *asynq.Task) time.Duration { return 0 } }
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if a.Number != 1 {
			t.Errorf("attempt %d, want 1", a.Number)
		}
		close(began)
		<-finish
		return echo(ctx, a)
	}, soon)
	ticket := r.submit(Submission{Spec: spec()})
	<-began
	r.eventually("asynq sees the run", func() bool { return r.redis.LLen(ctx, k.active()).Val() == 1 })
	r.redis.ZAdd(ctx, k.taskLease(), redis.Z{Score: 1, Member: taskID(ticket.RunID(), 1)}) // long ago, by that clock
	r.worker(echo, soon)                                                                   // asynq recovers at the start
	r.eventually("asynq took the run back", func() bool { return r.redis.LLen(ctx, k.active()).Val() == 0 })
	close(finish)
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	testenv.Eventually(t, func() string {
		left := r.redis.Keys(ctx, k.taskPrefix()+"*").Val()
		return strings.Join(append(left, r.redis.ZRange(ctx, k.asynq+"retry", 0, -1).Val()...), " ")
	})
	r.nothingLeft()
}

// A stale attempt cannot end a run that another attempt executes (I6).
func TestAStaleFenceEndsNothing(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	attempts, finish := make(chan *Attempt, 2), make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		attempts <- a
		<-finish
		return echo(ctx, a)
	})
	ticket := r.submit(Submission{Spec: spec()})
	stale := <-attempts
	if err := stale.server.repair(context.Background(), stale.ID, "1", "lost"); err != nil {
		t.Fatal(err)
	}
	if second := <-attempts; second.Number != 2 {
		t.Fatalf("attempt %d, want 2", second.Number)
	}
	last, err := stale.server.finish(stale, Outcome{State: Failed})
	if last || err != nil {
		t.Errorf("the stale attempt ended the run: %v %v", last, err)
	}
	if _, err := stale.Journal().Start(context.Background(), "step.0", flows.Once); !errors.Is(err, ErrLost) {
		t.Errorf("the stale attempt began an effect: %v", err)
	}
	if ours, err := stale.server.park(context.Background(), stale, Outcome{State: Waiting}); ours || err != nil {
		t.Errorf("the stale attempt parked the run: %v %v", ours, err)
	}
	if record, err := r.client.Record(context.Background(), stale.ID); err != nil || record.State != Running || record.Attempt != 2 {
		t.Errorf("record %+v %v", record, err)
	}
	close(finish)
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

// A result that is longer than one command carries comes back as it was, and
// the pieces of an attempt that died before it had stored all are not in it.
func TestALongResultIsStoredInPieces(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, k := context.Background(), keysOf("default")
	results := map[string][]byte{}
	for name, size := range map[string]int{"step.0": perCall, "step.1": perCall + 1, "step.2": 5*perCall + 7} {
		results[name] = textOf(size)
	}
	ticket := r.submit(Submission{Spec: spec()})
	name := k.journalPrefix() + ticket.RunID()
	r.redis.HSet(ctx, name, pieceKey("step.1", 0), "pold", pieceKey("step.1", 5), "pold", "step.3", "s", pieceKey("step.3", 0), "pold")
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		for key, result := range results {
			if err := a.Journal().Finish(ctx, key, result); err != nil {
				t.Error(err)
			}
		}
		a.redelivered = true // as an attempt that is taken up again
		later := a.Journal()
		for key, result := range results {
			if known, err := later.Start(ctx, key, flows.Read); err != nil || !bytes.Equal(known.Result, result) {
				t.Errorf("%s: %d bytes came back of %d, %v", key, len(known.Result), len(result), err)
			}
		}
		if known, err := later.Start(ctx, "step.3", flows.Once); err != nil || !known.Started || known.Result != nil {
			t.Errorf("what only began: %v, %v", known, err)
		}
		r.checkFields(name)
		return echo(ctx, a)
	})
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

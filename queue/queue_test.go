package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
)

// testBlock is how long a worker waits for a task in one call. A worker that stops ends after it.
const testBlock = 100 * time.Millisecond

// testQueue is a Client on one Redis, with methods that start workers.
type testQueue struct {
	t       testing.TB
	conn    *redisconn.Conn
	redis   redis.UniversalClient
	client  *Client
	test    context.Context // of the workers; stopAll ends it
	stopAll func()
}

func newTestQueue(t testing.TB, url string) *testQueue {
	t.Helper()
	conn, err := redisconn.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	conn = conn.With(newScriptCalls(t))
	client, err := NewClient(Config{Redis: conn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r := &testQueue{t: t, conn: conn, redis: conn.Client(), client: client}
	r.test, r.stopAll = context.WithCancel(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { client.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		client.Close()
		r.redis.Close()
	})
	return r
}

// worker starts a server and returns what stops and waits for it.
func (r *testQueue) worker(handler Handler, change ...func(*ServerConfig)) (stop func()) {
	r.t.Helper()
	cfg := ServerConfig{
		Redis: r.conn, Log: slog.New(slog.DiscardHandler), Queue: "default", ID: NewRunID("worker"),
		Slots: 8, Handler: handler, Block: testBlock, Drain: 10 * time.Second,
		DelayedTaskCheck: testBlock,
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := NewServer(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.test)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) { // a worker may be stopped while it registers
			r.t.Error(err)
		}
		s.Close()
	})
	r.t.Cleanup(func() {
		r.stopAll() // all workers at once: each takes up to testBlock to stop
		stop()
	})
	return stop
}

func spec() Spec {
	return Spec{Flow: 1, Version: "v", Queue: "default", Principal: "key:k", Event: json.RawMessage(`{"n": 1}`), Limit: 20 * time.Second, Sync: true}
}

func (r *testQueue) submit(s Submission) *Ticket {
	r.t.Helper()
	ticket, err := r.client.Submit(context.Background(), s)
	if err != nil {
		r.t.Fatalf("submit: %v", err)
	}
	return ticket
}

func (r *testQueue) wait(t *Ticket) Result {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	result, err := t.Wait(ctx)
	if err != nil {
		r.t.Fatalf("wait for %s: %v", t.RunID(), err)
	}
	return result
}

func echo(_ context.Context, a *Attempt) Outcome {
	return Outcome{State: Succeeded, Output: []byte(fmt.Sprintf(`[%s]`, a.Event))}
}

// nothingLeft waits until the queue's own bookkeeping is empty.
func (r *testQueue) nothingLeft() {
	r.t.Helper()
	k := keysOf("default")
	ctx := context.Background()
	testenv.Eventually(r.t, func() string {
		left := fmt.Sprint(
			r.redis.LLen(ctx, k.pending()).Val(), r.redis.LLen(ctx, k.active()).Val(),
			r.redis.ZCard(ctx, k.taskLease()).Val(), r.redis.ZCard(ctx, k.due()).Val(),
			len(r.redis.Keys(ctx, k.taskPrefix()+"*").Val()))
		if left == "0 0 0 0 0" {
			return ""
		}
		return "left of pending, active, lease, due, tasks: " + left
	})
}

func TestARunReachesAWorkerAndItsResultComesBack(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(echo)
	ticket := r.submit(Submission{Spec: spec()})
	got := r.wait(ticket)
	if got.State != Succeeded || string(got.Output) != `[{"n": 1}]` {
		t.Errorf("result %+v", got)
	}
	if got.Times.Started.Before(got.Times.Accepted) || got.Times.Finished.Before(got.Times.Started) {
		t.Errorf("times out of order: %+v", got.Times)
	}
	r.nothingLeft()
	record, err := r.client.Record(context.Background(), ticket.RunID())
	if err != nil {
		t.Fatal(err)
	}
	if string(record.Output) != string(got.Output) || string(record.Event) != `{"n": 1}` || record.Attempt != 1 || record.Principal != "key:k" {
		t.Errorf("record %+v", record)
	}
}

func TestRunsGoWhenTheirRetentionIsOver(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, k := context.Background(), keysOf("default")
	r.worker(echo)
	var ids []string
	for range 3 {
		ticket := r.submit(Submission{Spec: spec()})
		r.wait(ticket)
		ids = append(ids, ticket.RunID())
	}
	r.nothingLeft()
	s, err := NewServer(ServerConfig{Redis: r.conn, Log: slog.New(slog.DiscardHandler), Queue: "default", ID: "tidy", Slots: 1, Handler: echo, Retention: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	old := time.Now().Add(-2 * time.Hour)
	for _, id := range ids[:2] { // accepted long ago; the second ended lately
		r.redis.ZAdd(ctx, k.index(), redis.Z{Score: float64(old.UnixMilli()), Member: id})
	}
	r.redis.HSet(ctx, k.runPrefix()+ids[0], "finished", old.UnixMicro())
	r.redis.HSet(ctx, k.journalPrefix()+ids[0], "step.0", "s")
	s.tidy(ctx)
	for i, want := range []bool{false, true, true} {
		kept := r.redis.Exists(ctx, k.runPrefix()+ids[i], k.journalPrefix()+ids[i]).Val() > 0
		indexed := r.redis.ZScore(ctx, k.index(), ids[i]).Err() == nil
		if kept != want || indexed != want {
			t.Errorf("run %d: kept %v, indexed %v, want %v", i, kept, indexed, want)
		}
	}
}

func TestManyRunsAtOnce(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var runs atomic.Int64
	for range 2 {
		r.worker(func(ctx context.Context, a *Attempt) Outcome { runs.Add(1); return echo(ctx, a) })
	}
	const callers, each = 50, 40
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := range each {
				s := spec()
				s.Event = json.RawMessage(fmt.Sprintf("%d", i*each+n))
				ticket, err := r.client.Submit(context.Background(), Submission{Spec: s})
				if err != nil {
					t.Errorf("submit: %v", err)
					return
				}
				got, err := ticket.Wait(context.Background())
				if want := fmt.Sprintf("[%d]", i*each+n); err != nil || string(got.Output) != want {
					t.Errorf("got %s %v, want %s", got.Output, err, want)
				}
			}
		})
	}
	all.Wait()
	if runs.Load() != callers*each {
		t.Errorf("%d attempts for %d runs", runs.Load(), callers*each)
	}
	r.nothingLeft()
	if n := r.client.Waiting(); n != 0 {
		t.Errorf("%d waiters left", n)
	}
}

func TestAnIdempotencyKeyMakesOneRun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx := context.Background()
	guard := &IdempotencyKey{Key: "k", Fingerprint: "a", Window: time.Minute}
	first := r.submit(Submission{Spec: spec(), IdempotencyKey: guard})
	second := r.submit(Submission{Spec: spec(), IdempotencyKey: guard})
	if second.RunID() != first.RunID() || !second.Attached() || first.Attached() {
		t.Errorf("second submission waits for %s, first for %s", second.RunID(), first.RunID())
	}
	_, err := r.client.Submit(ctx, Submission{Spec: spec(), IdempotencyKey: &IdempotencyKey{Key: "k", Fingerprint: "b", Window: time.Minute}})
	if !errors.Is(err, ErrMismatch) {
		t.Errorf("another payload: %v", err)
	}
	_, err = r.client.Submit(ctx, Submission{Spec: spec(), IdempotencyKey: &IdempotencyKey{Key: "k", Fingerprint: "a", Window: time.Minute, Reject: true}})
	if !errors.Is(err, ErrReplayed) {
		t.Errorf("refusing guard: %v", err)
	}
	if n := r.redis.LLen(ctx, keysOf("default").pending()).Val(); n != 1 {
		t.Errorf("%d tasks pending, want 1", n)
	}
	other := newTestQueue(t, "redis://"+r.redis.(*redis.Client).Options().Addr)
	third := other.submit(Submission{Spec: spec(), IdempotencyKey: guard})
	if told := r.redis.HGet(ctx, keysOf("default").runPrefix()+first.RunID(), "reply").Val(); told != r.client.process+","+other.client.process {
		t.Errorf("the result is sent to %q", told)
	}
	r.worker(echo)
	for i, ticket := range []*Ticket{first, second} {
		if got := r.wait(ticket); got.State != Succeeded {
			t.Errorf("ticket %d: %+v", i, got)
		}
	}
	if got := other.wait(third); got.State != Succeeded || third.RunID() != first.RunID() {
		t.Errorf("through another door: %+v", got)
	}
	late := r.submit(Submission{Spec: spec(), IdempotencyKey: guard})
	if got := r.wait(late); got.State != Succeeded {
		t.Errorf("after the end: %+v", got)
	}
}

func TestAFullQueueRefuses(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.client.cfg.MaxPending = 2
	const room = 8 // of a queue without workers, before runs stand in line
	for range room + 2 {
		r.submit(Submission{Spec: spec()})
	}
	if _, err := r.client.Submit(context.Background(), Submission{Spec: spec()}); !errors.Is(err, ErrFull) {
		t.Errorf("third run in line: %v", err)
	}
	if n := r.client.Waiting(); n != room+2 {
		t.Errorf("%d waiters, want %d", n, room+2)
	}
	other := spec()
	other.Flow++
	r.submit(Submission{Spec: other})
}

func TestCancelEndsARunningRun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	began, cause := make(chan struct{}), make(chan error, 1)
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		close(began)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return Outcome{State: Succeeded, Output: []byte(`["late"]`)}
	})
	ticket := r.submit(Submission{Spec: spec()})
	<-began
	state, err := r.client.Cancel(context.Background(), ticket.RunID(), []byte(`{"code":"cancelled","message":"by hand"}`))
	if err != nil || state != Running {
		t.Fatalf("cancel: %s %v", state, err)
	}
	got := r.wait(ticket)
	if got.State != Cancelled || got.Error == nil || got.Error.Message != "by hand" {
		t.Errorf("result %+v", got)
	}
	if c := <-cause; !errors.Is(c, ErrLost) {
		t.Errorf("the attempt ended because of %v", c)
	}
	r.nothingLeft()
	if record, _ := r.client.Record(context.Background(), ticket.RunID()); record.State != Cancelled || record.Output != nil || record.Attempt != 1 {
		t.Errorf("record after the stale attempt: %+v", record)
	}
}

func TestCancelEndsAQueuedRun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ticket := r.submit(Submission{Spec: spec()})
	if state, err := r.client.Cancel(context.Background(), ticket.RunID(), nil); err != nil || state != Queued {
		t.Fatalf("cancel: %s %v", state, err)
	}
	if got := r.wait(ticket); got.State != Cancelled {
		t.Errorf("result %+v", got)
	}
	r.worker(func(context.Context, *Attempt) Outcome {
		t.Error("a cancelled run began")
		return Outcome{State: Failed}
	})
	r.nothingLeft()
	if _, err := r.client.Cancel(context.Background(), NewRunID("default"), nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown run: %v", err)
	}
}

// abandonedRuns claims tasks like a worker that dies right after, and returns their ids.
func (r *testQueue) abandonedRuns() (ids []string) {
	r.t.Helper()
	k := keysOf("default")
	r.redis.ZAdd(context.Background(), k.workers(), redis.Z{Score: float64(time.Now().Add(-3 * time.Second).UnixMilli()), Member: "dead"})
	r.redis.HSet(context.Background(), k.sessions(), "dead", 1)
	v, err := claimScript.Run(context.Background(), r.redis, k.slot(), "dead", 1, pendingList, 100, time.Now().Add(taskLease).Unix()).Slice()
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(v); i += claimedFields {
		ids = append(ids, v[i].(string))
	}
	return ids
}

func TestALostWorkersRunsGoOnElsewhere(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var tickets []*Ticket
	for range 8 {
		tickets = append(tickets, r.submit(Submission{Spec: spec()}))
	}
	if n := len(r.abandonedRuns()); n != 8 {
		t.Fatalf("the dead worker claimed %d", n)
	}
	lost := time.Now()
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if a.Number != 2 {
			t.Errorf("attempt %d, want 2", a.Number)
		}
		return echo(ctx, a)
	})
	for _, ticket := range tickets {
		if got := r.wait(ticket); got.State != Succeeded {
			t.Errorf("result %+v", got)
		}
	}
	if d := time.Since(lost); d > 5*time.Second { // its last heartbeat was 3 s before
		t.Errorf("detection and restart took %v", d)
	}
	r.nothingLeft()
	if record, _ := r.client.Record(context.Background(), tickets[0].RunID()); record.Crashes != 1 || record.Attempt != 2 {
		t.Errorf("record %+v", record)
	}
}

func TestTheThirdCrashEndsARun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ticket := r.submit(Submission{Spec: spec()})
	pending := keysOf("default").pending()
	for attempt := 1; attempt <= 3; attempt++ {
		r.eventually("the run is pending", func() bool { return r.redis.LLen(context.Background(), pending).Val() > 0 })
		if ids := r.abandonedRuns(); len(ids) != 1 || !strings.HasSuffix(ids[0], fmt.Sprintf(".%d", attempt)) {
			t.Fatalf("attempt %d claimed %v", attempt, ids)
		}
		stop := r.repairer()
		defer stop()
	}
	got := r.wait(ticket)
	if got.State != Failed || got.Error == nil || got.Error.Code != flows.CodeCrashed {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

// repairer starts the beat of a worker alone: it repairs and claims no task.
func (r *testQueue) repairer() (stop func()) {
	s, err := NewServer(ServerConfig{Redis: r.conn, Log: slog.New(slog.DiscardHandler), Queue: "default", ID: NewRunID("repairer"), Slots: 1, Handler: echo})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.beat(ctx) }()
	return func() { cancel(); <-done; s.Close() }
}

func TestAMissingTaskIsMadeAgain(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, k := context.Background(), keysOf("default")
	ticket := r.submit(Submission{Spec: spec()})
	r.redis.Del(ctx, k.pending(), k.taskPrefix()+taskID(ticket.RunID(), 1))
	r.redis.ZAdd(ctx, k.due(), redis.Z{Member: ticket.RunID()}) // the moment to look has come
	r.worker(echo)
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

func TestADeadWorkersInboxIsGivenBack(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ctx, k := context.Background(), keysOf("default")
	ticket := r.submit(Submission{Spec: spec()})
	r.redis.LMove(ctx, k.pending(), k.inboxPrefix()+"dead:pending", "right", "left")
	r.redis.ZAdd(ctx, k.workers(), redis.Z{Score: float64(time.Now().Add(-time.Minute).UnixMilli()), Member: "dead"})
	r.worker(echo)
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	if n := r.redis.ZScore(ctx, k.workers(), "dead").Err(); !errors.Is(n, redis.Nil) {
		t.Errorf("the dead worker's inbox is still listed")
	}
}

func TestDrainHandsBackWithoutLosingAnAttempt(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	began := make(chan struct{})
	stop := r.worker(func(ctx context.Context, a *Attempt) Outcome {
		close(began)
		<-ctx.Done()
		return Outcome{State: Cancelled}
	}, func(c *ServerConfig) { c.Drain = 50 * time.Millisecond })
	ticket := r.submit(Submission{Spec: spec()})
	<-began
	stop()
	record, err := r.client.Record(context.Background(), ticket.RunID())
	if err != nil || record.State != Queued || record.Crashes != 0 {
		t.Fatalf("after the drain: %+v %v", record, err)
	}
	r.worker(echo)
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

func TestDrainLetsRunsFinish(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	began, finish := make(chan struct{}), make(chan struct{})
	stop := r.worker(func(ctx context.Context, a *Attempt) Outcome {
		close(began)
		<-finish
		return echo(ctx, a)
	})
	ticket := r.submit(Submission{Spec: spec()})
	<-began
	time.AfterFunc(100*time.Millisecond, func() { close(finish) })
	stop()
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	r.nothingLeft()
}

func TestAParkedRunGoesOnInTime(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var attempts atomic.Int64
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if attempts.Add(1) == 1 {
			return Outcome{State: Waiting, Wake: time.Now().Add(300 * time.Millisecond)}
		}
		return echo(ctx, a)
	})
	ticket := r.submit(Submission{Spec: spec()})
	if got := r.wait(ticket); got.State != Succeeded || attempts.Load() != 2 {
		t.Errorf("result %+v after %d attempts", got, attempts.Load())
	}
	r.nothingLeft()
}

func TestALostReplyCostsASecondNotTheAnswer(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	finish := make(chan struct{})
	r.worker(func(ctx context.Context, a *Attempt) Outcome { <-finish; return echo(ctx, a) })
	ticket := r.submit(Submission{Spec: spec()})
	loaded, _ := r.client.queues.Load("default")
	if err := loaded.(*queueState).replies.sub.Unsubscribe(context.Background(), loaded.(*queueState).replies.channel); err != nil {
		t.Fatal(err)
	}
	close(finish)
	if got := r.wait(ticket); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
}

func TestRepliesAreHeardAgainAfterRedisWasAway(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	r := newTestQueue(t, server.URL())
	began, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		once.Do(func() { close(began) })
		<-finish
		return echo(ctx, a)
	})
	ticket := r.submit(Submission{Spec: spec()})
	<-began
	server.Kill()
	close(finish)
	server.Restart()
	if got := r.wait(ticket); got.State != Succeeded || string(got.Output) != `[{"n": 1}]` {
		t.Errorf("result %+v", got)
	}
	if got := r.wait(r.submit(Submission{Spec: spec()})); got.State != Succeeded {
		t.Errorf("the next run: %+v", got)
	}
	r.nothingLeft()
}

func TestForeignTasksAreArchivedNotLost(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	client := asynq.NewClientFromRedisClient(r.redis)
	if _, err := client.Enqueue(asynq.NewTask("other", nil), asynq.Queue("default"), asynq.MaxRetry(0)); err != nil {
		t.Fatal(err)
	}
	r.worker(echo)
	if got := r.wait(r.submit(Submission{Spec: spec()})); got.State != Succeeded {
		t.Errorf("result %+v", got)
	}
	inspector := asynq.NewInspectorFromRedisClient(r.redis)
	testenv.Eventually(t, func() string {
		info, err := inspector.GetQueueInfo("default")
		if err == nil && info.Archived == 1 && info.Active == 0 {
			return ""
		}
		return fmt.Sprintf("queue %+v %v", info, err)
	})
}

func TestAnIdempotencyKeyMayRepeatAFailedRun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ends := make(chan State)
	r.worker(func(context.Context, *Attempt) Outcome { return Outcome{State: <-ends, Output: []byte("[]")} })
	for state, again := range map[State]bool{Failed: true, TimedOut: true, Cancelled: false, Succeeded: false} {
		guard := &IdempotencyKey{Key: string(state), Window: time.Minute, Failed: RunAgain}
		submit := func() *Ticket { return r.submit(Submission{Spec: spec(), IdempotencyKey: guard}) }
		first := submit()
		if active := submit(); active.RunID() != first.RunID() || !active.Attached() {
			t.Errorf("%s: a run that goes on is not attached to", state)
		}
		ends <- state
		if got := r.wait(first); got.State != state {
			t.Fatalf("ended %s, want %s", got.State, state)
		}
		next := submit()
		if (next.RunID() != first.RunID()) != again || next.Attached() == again {
			t.Errorf("after %s a new run: %v, want %v", state, !next.Attached(), again)
		}
		if !again {
			continue
		}
		if third := submit(); third.RunID() != next.RunID() {
			t.Errorf("after %s: two new runs", state)
		}
		ends <- Succeeded
		r.wait(next)
	}
}

// An idempotency key is valid for its window, whatever the state of the first run.
func TestAnIdempotencyKeyOutlivesTheRecord(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(echo)
	guard := &IdempotencyKey{Key: "k", Fingerprint: "a", Window: time.Minute, Failed: RunAgain}
	first := r.submit(Submission{Spec: spec(), IdempotencyKey: guard})
	r.wait(first)
	r.nothingLeft()
	r.redis.Del(t.Context(), keysOf("default").runPrefix()+first.RunID())
	_, err := r.client.Submit(t.Context(), Submission{Spec: spec(), IdempotencyKey: guard})
	var ran *RanError
	if !errors.As(err, &ran) || ran.Run != first.RunID() {
		t.Errorf("a second submission: %v", err)
	}
}

// The caller of a run that Redis has lost gets ErrGone soon.
func TestALostRecordIsTold(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ticket := r.submit(Submission{Spec: spec()})
	r.redis.FlushAll(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	if _, err := ticket.Wait(ctx); !errors.Is(err, ErrGone) {
		t.Errorf("the wait ended with %v", err)
	}
	if _, err := ticket.Wait(ctx); !errors.Is(err, ErrGone) {
		t.Errorf("a second wait ended with %v", err)
	}
}

package operation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
)

// oneFlow is a Flows with one flow.
type oneFlow struct{ flow *flows.Flow }

func (f oneFlow) Find(string) (*flows.Flow, bool) { return f.flow, true }

func (f oneFlow) Version(context.Context, int64, string) (*flows.Flow, error) { return f.flow, nil }

// office is an executor on a queue without workers.
type office struct {
	*Executor
	t     *testing.T
	queue *queue.Client
	redis redis.UniversalClient
	flow  *flows.Flow
}

func newOffice(t *testing.T) *office {
	t.Helper()
	conn, err := redisconn.Parse(testenv.Redis(t).URL())
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	client, err := queue.NewClient(queue.Config{Redis: conn, Log: log})
	must(t, err)
	base := conn.Client()
	t.Cleanup(func() { _ = errors.Join(client.Close(), base.Close()) })
	flow, err := flows.Parse("f.yaml", []byte("flow: 1\nsteps: [{name: put, http: {put: 'http://h', json: {}}}]\n"), steps.Catalogue())
	must(t, err)
	o := &office{t: t, queue: client, redis: base, flow: flow}
	o.Executor = NewExecutor(Config{Store: NewStore(base), Queue: client, Flows: oneFlow{flow}, Log: log})
	return o
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run accepts a run, which waits for a worker; cancelled: it has ended.
func (o *office) run(cancelled bool) string {
	o.t.Helper()
	s := queue.SubmissionOf(o.flow)
	s.Event, s.Principal = []byte("{}"), "key:shop"
	id, err := o.queue.Start(o.t.Context(), s, time.Time{})
	must(o.t, err)
	if cancelled {
		_, err = o.queue.Cancel(o.t.Context(), id, []byte(`{"code":"cancelled","message":"by hand"}`))
		must(o.t, err)
	}
	return id
}

func (o *office) begin(action Action, runs ...string) *Operation {
	o.t.Helper()
	about := About{Filter: "flow gt 0", Action: action, By: "user:otto", Created: time.Now(), Rate: MaxRate}
	must(o.t, about.Complete())
	op, err := o.Create(o.t.Context(), about, runs)
	must(o.t, err)
	return op
}

// expire ends the lease of an operation.
func (o *office) expire(id string) {
	o.t.Helper()
	must(o.t, o.redis.ZAdd(o.t.Context(), keyActive, redis.Z{Score: 0, Member: id}).Err())
}

// An action whose result was not recorded is repeated, by another process: the run gets no second successor, and the result is
// the same.
func TestActionsAreRepeatable(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, action := range []Action{Resume, Replay, Cancel} {
		run := o.run(action != Cancel)
		op := o.begin(action, run)
		first := o.one(t.Context(), op, run)
		second := o.one(t.Context(), op, run)
		if first != second || first.Outcome != Applied || (first.By == "") == action.Starts() {
			t.Errorf("%s: %+v, then %+v", action, first, second)
		}
		other := o.one(t.Context(), o.begin(action, run), run)
		want := map[Action]string{Resume: "already_resumed", Replay: "already_replayed", Cancel: "has_ended"}[action]
		if other.Code != want {
			t.Errorf("%s by another operation: %+v", action, other)
		}
		if by, err := o.queue.Record(t.Context(), first.By); action.Starts() && (err != nil || by.Sync || string(by.Event) != "{}") {
			t.Errorf("%s started %+v, %v", action, by, err)
		}
	}
}

// A process that has lost an operation changes nothing; the next one begins with the runs that have no result.
func TestAnotherProcessGoesOn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	var runs []string
	for range 5 {
		runs = append(runs, o.run(false))
	}
	op := o.begin(Cancel, runs...)
	take := func() *taken {
		t.Helper()
		got, err := o.take(t.Context())
		must(t, err)
		return got
	}
	record := func(by *taken, want bool, n int) {
		t.Helper()
		results := make([]Result, n)
		for i := range results {
			results[i] = Result{Run: runs[by.next+i], Outcome: Applied}
		}
		goesOn, err := o.record(t.Context(), by, results)
		if err != nil || goesOn != want {
			t.Errorf("recorded: %t, %v, want %t", goesOn, err, want)
		}
	}
	first := take()
	if first == nil || take() != nil {
		t.Fatal("not exactly one process executes the operation")
	}
	record(first, true, 2)
	repeated := *first
	repeated.next = 0
	record(&repeated, true, 2) // its reply was lost
	o.expire(op.ID)
	second := take()
	if second == nil || second.next != 2 {
		t.Fatalf("the second process begins with %+v", second)
	}
	record(first, false, 2)
	record(second, false, 3) // the last ones
	got, err := o.Read(t.Context(), op.ID)
	if err != nil || got.State != Done || got.Done != 5 || got.Finished.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	if results, err := o.Results(t.Context(), op.ID, 0, 10); err != nil || len(results) != 5 || results[4].Run != runs[4] {
		t.Errorf("%+v, %v", results, err)
	}
	if take() != nil {
		t.Error("an operation that is done is executed")
	}
}

func TestStopWithoutAProcess(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	op := o.begin(Ignore, o.run(false))
	must(t, o.Stop(t.Context(), op.ID))
	if got, err := o.take(t.Context()); got != nil || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := o.Read(t.Context(), op.ID); err != nil || got.State != Stopped {
		t.Errorf("%+v, %v", got, err)
	}
	if err := o.Stop(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// Everything that is stored of operations ends.
func TestKeysHaveATTL(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	op := o.begin(Cancel, o.run(false))
	by, err := o.take(t.Context())
	must(t, err)
	results, whole := o.apply(t.Context(), by, []string{op.ID})
	_, err = o.record(t.Context(), by, results)
	must(t, err)
	if !whole {
		t.Error("the action was interrupted")
	}
	keys, err := o.redis.Keys(t.Context(), "penstock:{operations}:*").Result()
	must(t, err)
	for _, key := range keys {
		if ttl := o.redis.PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > retention {
			t.Errorf("%s has a TTL of %v", key, ttl)
		}
	}
	if len(keys) < 4 {
		t.Error(fmt.Sprint("only these are stored: ", keys))
	}
}

// fullQueue is a queue that takes no run.
type fullQueue struct{ *queue.Client }

func (fullQueue) Start(context.Context, queue.Submission, time.Time) (string, error) {
	return "", queue.ErrFull
}

// An operation that waits for room in the queue keeps its lease, and can be stopped.
func TestStopWhileTheQueueIsFull(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.config.Queue = fullQueue{o.queue}
	op := o.begin(Resume, o.run(true))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1) // buffered, so that the executor never blocks
	go func() { ended <- o.Run(ctx) }()
	until := func(what string, is func(*Operation) bool) {
		t.Helper()
		testenv.Eventually(t, func() string {
			got, err := o.Read(t.Context(), op.ID)
			must(t, err)
			if is(got) {
				return ""
			}
			return fmt.Sprintf("not %s: %+v", what, got)
		})
	}
	until("begun", func(o *Operation) bool { return !o.Started.IsZero() })
	must(t, o.Stop(t.Context(), op.ID))
	until("stopped", func(o *Operation) bool { return o.State == Stopped && o.Done == 0 })
	cancel()
	must(t, <-ended)
}

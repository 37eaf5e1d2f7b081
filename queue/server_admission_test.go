package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// limitHandler is a handler with a concurrency limit. Its runs hold their places until
// letGo receives one value for each.
type limitHandler struct {
	gate    ConcurrencyLimit
	entered chan string   // events of runs that have a place
	letGo   chan struct{} // one for each

	mu      sync.Mutex
	holders int // guarded by mu
	most    int // guarded by mu
}

func newLimitHandler(g ConcurrencyLimit) *limitHandler {
	return &limitHandler{gate: g, entered: make(chan string, 100), letGo: make(chan struct{}, 100)}
}

func (w *limitHandler) handle(ctx context.Context, a *Attempt) Outcome {
	switch admission, err := a.Acquire(ctx, w.gate); {
	case ctx.Err() != nil:
		return Outcome{State: TimedOut}
	case err != nil:
		return Outcome{State: Failed, Error: &flows.Error{Code: flows.CodeInternal, Message: err.Error()}}
	case admission == Deferred:
		return Outcome{State: Waiting}
	case admission == Rejected:
		return Outcome{State: Failed, Error: &flows.Error{Code: flows.CodeBusy, Message: "full"}}
	case admission == Superseded:
		return Outcome{State: Cancelled, Error: &flows.Error{Code: flows.CodeCancelled, Message: "superseded"}}
	}
	w.mu.Lock()
	w.holders++
	w.most = max(w.most, w.holders)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.holders--
		w.mu.Unlock()
	}()
	w.entered <- string(a.Event)
	select {
	case <-w.letGo:
	case <-ctx.Done():
	}
	return Outcome{State: Succeeded, Output: []byte(`[` + string(a.Event) + `]`)}
}

// next is the event of the next run that enters.
func (w *limitHandler) next(t *testing.T) string {
	t.Helper()
	return testenv.Receive(t, w.entered, "the event of a run that enters")
}

func numbered(n int) Submission {
	s := Submission{Spec: spec()}
	s.Event, s.Sync = json.RawMessage(fmt.Sprint(n)), false
	return s
}

// state waits until a run is in a state.
func (r *testQueue) state(id string, want State) {
	r.t.Helper()
	r.reaches(id, want)
}

// The runs beyond the bound hold no slot, and come in the order of acceptance.
func TestRunsStandInLine(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	w := newLimitHandler(ConcurrencyLimit{Key: "k", Max: 2, WhenFull: WhenFullWait})
	r.worker(w.handle, func(c *ServerConfig) { c.Slots = 3 })
	r.worker(w.handle, func(c *ServerConfig) { c.Slots = 3 })
	var tickets []*Ticket
	for n := range 10 {
		tickets = append(tickets, r.submit(numbered(n)))
		if n >= 2 {
			r.state(tickets[n].RunID(), Waiting)
		} else {
			w.next(t)
		}
	}
	var order []string
	for n := 2; n < 10; n++ {
		began := time.Now()
		w.letGo <- struct{}{}
		order = append(order, w.next(t))
		if took := time.Since(began); took > time.Second {
			t.Errorf("the next run entered after %v", took)
		}
	}
	close(w.letGo)
	for n, ticket := range tickets {
		if got := r.wait(ticket); got.State != Succeeded || string(got.Output) != fmt.Sprintf("[%d]", n) {
			t.Errorf("run %d: %+v", n, got)
		}
	}
	if w.most != 2 {
		t.Errorf("%d runs executed at once, want 2", w.most)
	}
	if want := []string{"2", "3", "4", "5", "6", "7", "8", "9"}; !slices.Equal(order, want) {
		t.Errorf("entered in the order %v", order)
	}
	r.nothingLeft()
	if left := r.redis.Keys(t.Context(), "penstock:{default}:gate:*").Val(); len(left) > 0 {
		t.Errorf("left at the limit: %v", left)
	}
}

// Many runs at once, on several workers, with some cancelled while they wait.
func TestAConcurrencyLimitHoldsUnderLoad(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	w := newLimitHandler(ConcurrencyLimit{Key: "k", Max: 3, WhenFull: WhenFullWait})
	w.entered = make(chan string, 1000)
	close(w.letGo) // nobody is held
	for range 3 {
		r.worker(w.handle)
	}
	var tickets []*Ticket
	for n := range 60 {
		tickets = append(tickets, r.submit(numbered(n)))
		if n%10 == 9 {
			if _, err := r.client.Cancel(t.Context(), tickets[n-5].RunID(), []byte(`{"code":"cancelled"}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	ends := map[State]int{}
	for _, ticket := range tickets {
		ends[r.wait(ticket).State]++
	}
	if ends[Succeeded]+ends[Cancelled] != 60 || ends[Succeeded] < 54 {
		t.Errorf("ends %v", ends)
	}
	if w.most > 4 { // a cancelled run may go on for a moment
		t.Errorf("%d runs executed at once", w.most)
	}
	r.nothingLeft()
}

func TestRejectedAtALimit(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	w := newLimitHandler(ConcurrencyLimit{Key: "k", Max: 1, WhenFull: WhenFullReject})
	r.worker(w.handle)
	first := r.submit(numbered(1))
	w.next(t)
	if got := r.wait(r.submit(numbered(2))); got.State != Failed || got.Error.Code != flows.CodeBusy {
		t.Errorf("beyond the bound: %+v", got)
	}
	close(w.letGo)
	if got := r.wait(first); got.State != Succeeded {
		t.Errorf("within the bound: %+v", got)
	}
	r.left(w.gate, first.RunID())
	if got := r.wait(r.submit(numbered(3))); got.State != Succeeded {
		t.Errorf("after the first has left: %+v", got)
	}
}

// left waits until a run is no holder any more, which is after its result was published.
func (r *testQueue) left(g ConcurrencyLimit, run string) {
	r.t.Helper()
	inside := keysOf("default").ours + "gate:" + keyHash(g.Key) + ":inside"
	r.eventually("the run has left the gate", func() bool {
		return isNil(r.redis.ZScore(context.Background(), inside, run).Err())
	})
}

func TestTheOldestIsCancelled(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	w := newLimitHandler(ConcurrencyLimit{Key: "k", Max: 2, WhenFull: WhenFullCancelOldest})
	r.worker(w.handle)
	var tickets []*Ticket
	for n := range 4 {
		tickets = append(tickets, r.submit(numbered(n)))
		w.next(t)
	}
	for _, ticket := range tickets[:2] {
		want := &flows.Error{Code: flows.CodeCancelled, Message: "a later run took its place"}
		if got := r.wait(ticket); got.State != Cancelled || cmp.Diff(want, got.Error) != "" {
			t.Errorf("dropped: %+v %v", got, got.Error)
		}
	}
	close(w.letGo)
	for _, ticket := range tickets[2:] {
		if got := r.wait(ticket); got.State != Succeeded {
			t.Errorf("kept: %+v", got)
		}
	}
}

// The place of a worker that is killed goes to the run's next attempt, and
// then to the next waiting run.
func TestACrashFreesThePlace(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	w := newLimitHandler(ConcurrencyLimit{Key: "k", Max: 1, WhenFull: WhenFullWait})
	first := r.submit(numbered(1))
	claimed := r.abandonedRuns()
	lost := &Attempt{
		Spec: Spec{ID: first.RunID()}, Number: 1, task: claimed[0],
		server: &Server{cfg: ServerConfig{ID: "dead"}, keys: keysOf("default"), redis: r.redis},
	}
	if got, err := lost.Acquire(t.Context(), w.gate); got != Admitted || err != nil {
		t.Fatal(got, err)
	}
	second := r.submit(numbered(2))
	close(w.letGo)
	r.worker(w.handle)
	for _, ticket := range []*Ticket{first, second} {
		if got := r.wait(ticket); got.State != Succeeded {
			t.Errorf("%+v", got)
		}
	}
	if order := []string{w.next(t), w.next(t)}; !slices.Equal(order, []string{"1", "2"}) {
		t.Errorf("entered in the order %v", order)
	}
	record, err := r.client.Record(t.Context(), first.RunID())
	if err != nil || record.Crashes != 1 {
		t.Errorf("crashes %d, %v", record.Crashes, err)
	}
}

// A run whose caller waits is answered at its limit, also in line; for others
// the limit counts from when they begin.
func TestLimitsInLine(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	w := newLimitHandler(ConcurrencyLimit{Key: "k", Max: 1, WhenFull: WhenFullWait})
	r.worker(w.handle)
	first := r.submit(numbered(1))
	w.next(t)
	sync, async := numbered(2), numbered(3)
	sync.Sync, sync.Limit, async.Limit = true, 300*time.Millisecond, 300*time.Millisecond
	waited, patient := r.submit(sync), r.submit(async)
	if got := r.wait(waited); got.State != TimedOut || got.Times.Finished.Sub(got.Times.Accepted) > sync.Limit+2*time.Second {
		t.Errorf("%+v", got)
	}
	if deadline := r.redis.HGet(t.Context(), "penstock:{default}:run:"+patient.RunID(), "deadline").Val(); deadline != "" {
		t.Errorf("the time of a run that has not begun counts: %s", deadline)
	}
	close(w.letGo)
	for _, ticket := range []*Ticket{first, patient} {
		if got := r.wait(ticket); got.State != Succeeded {
			t.Errorf("%+v", got)
		}
	}
}

// A parked run is no holder; its next attempt calls Acquire again.
func TestAParkedRunHasNoPlace(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var parked atomic.Bool
	var order []string
	var mu sync.Mutex
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if admission, err := a.Acquire(ctx, ConcurrencyLimit{Key: "k", Max: 1, WhenFull: WhenFullWait}); err != nil || admission != Admitted {
			return Outcome{State: Waiting}
		}
		mu.Lock()
		defer mu.Unlock()
		order = append(order, string(a.Event))
		if string(a.Event) == "1" && parked.CompareAndSwap(false, true) {
			return Outcome{State: Waiting, Wake: time.Now().Add(1500 * time.Millisecond)}
		}
		return Outcome{State: Succeeded, Output: []byte("[]")}
	})
	first := r.submit(numbered(1))
	r.state(first.RunID(), Waiting)
	if got := r.wait(r.submit(numbered(2))); got.State != Succeeded {
		t.Errorf("beside a parked run: %+v", got)
	}
	if got := r.wait(first); got.State != Succeeded {
		t.Errorf("the parked run: %+v", got)
	}
	if want := []string{"1", "2", "1"}; !slices.Equal(order, want) {
		t.Errorf("executed in the order %v, want %v", order, want)
	}
}

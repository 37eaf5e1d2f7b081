package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

func debounceOf(key string, d flows.Debounce) *Collecting {
	return &Collecting{debounce: &d, key: keyHash(key)}
}

func batchOf(key string, b flows.Batch) *Collecting { return &Collecting{batch: &b, key: keyHash(key)} }

// event is a submission of an event that is collected.
func event(text string, c *Collecting) Submission {
	s := Submission{Spec: spec(), Collecting: c, Limited: true}
	s.Event, s.Sync = json.RawMessage(text), false
	return s
}

// accept submits an event and returns the id of its run.
func (r *testQueue) accept(s Submission) string {
	r.t.Helper()
	ticket := r.submit(s)
	ticket.Close()
	return ticket.RunID()
}

func (r *testQueue) record(id string) Record {
	r.t.Helper()
	record, err := r.client.Record(context.Background(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return record
}

// Of events that follow each other quickly, the last one is executed, once. The others end at once, name it, and are no failures.
func TestTheLastEventCounts(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	begun := make(chan string, 10)
	r.worker(func(ctx context.Context, a *Attempt) Outcome { begun <- string(a.Event); return echo(ctx, a) })
	c := debounceOf("k", flows.Debounce{For: 1500 * time.Millisecond})
	first := r.accept(event(`1`, c))
	waits, err := r.client.Attach(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if record := r.record(first); record.State != Waiting || record.Collects == nil || time.Until(record.Collects.Until) > 2*time.Second {
		t.Errorf("while it waits: %s %+v", record.State, record.Collects)
	}
	second := r.accept(event(`2`, c))
	if got := r.wait(waits); got.State != Cancelled || got.Error.Code != flows.CodeReplaced || !strings.Contains(got.Error.Message, second) {
		t.Errorf("who waits for the first run got %+v", got)
	}
	other := r.accept(event(`9`, debounceOf("other", flows.Debounce{For: time.Second})))
	last := r.accept(event(`3`, c))
	for _, id := range []string{other, last} {
		ticket, err := r.client.Attach(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.wait(ticket); got.State != Succeeded {
			t.Errorf("%s: %+v", id, got)
		}
	}
	if one, two := <-begun, <-begun; one != "9" || two != "3" || len(begun) > 0 {
		t.Errorf("executed: %s, %s and %d more", one, two, len(begun))
	}
	for id, by := range map[string]string{first: second, second: last} {
		record := r.record(id)
		if record.State != Cancelled || record.ResumedBy != by || record.Attempt != 0 || record.Triage != nil || !errors.As(record.Resumable(), new(*ResumedError)) {
			t.Errorf("a run that was replaced: %+v", record)
		}
	}
	if n := r.redis.XLen(t.Context(), keysOf("default").failed()).Val(); n != 0 {
		t.Errorf("%d failures", n)
	}
	r.nothingLeft()
}

// An event that comes again after a later one of its key begins and continues nothing: its sender gets the run of the newest one.
func TestAnEarlierEventDoesNotWin(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	begun := make(chan string, 10)
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		begun <- string(a.Event)
		if string(a.Event) == "5" {
			return echo(ctx, a)
		}
		return Outcome{State: Failed, Error: &flows.Error{Code: flows.CodeStepFailed}}
	})
	submission := func(n int, wait time.Duration, failed Repetition) Submission {
		s := event(fmt.Sprint(n), debounceOf("k", flows.Debounce{For: wait}))
		s.IdempotencyKey = &IdempotencyKey{Key: fmt.Sprint("delivery ", n), Window: time.Hour, Failed: failed}
		return s
	}
	ended := func(run string) {
		t.Helper()
		ticket, err := r.client.Attach(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		r.wait(ticket)
		<-begun
	}
	for n := range 250 { // each takes the place of the one before
		r.accept(submission(n+10, time.Hour, RunAgain))
	}
	failed := r.accept(submission(0, time.Second, RunAgain))
	ended(failed)
	for _, how := range []Repetition{RunAgain, TellFailed} {
		for _, n := range []int{10, 100, 259} {
			if run := r.accept(submission(n, time.Hour, how)); run != failed {
				t.Errorf("event %d, %d: the run %s, want %s", n, how, run, failed)
			}
		}
	}
	waits := r.accept(submission(9, time.Hour, RunAgain))
	if run := r.accept(submission(0, time.Hour, RunAgain)); run != waits || r.record(waits).State != Waiting {
		t.Errorf("an earlier event replaces the newest: %s, want %s", run, waits)
	}
	last := r.accept(submission(5, time.Second, TellFailed))
	ended(last)
	if run := r.accept(submission(0, time.Hour, TellFailed)); run != last {
		t.Errorf("an earlier event that failed, after a later one succeeded: %s, want %s", run, last)
	}
	newest := r.accept(submission(6, time.Second, RunAgain))
	ended(newest)
	again := r.accept(submission(6, time.Second, RunAgain))
	if ended(again); again == newest || r.record(newest).ResumedBy != again {
		t.Errorf("the newest event does not begin anew: %s after %s", again, newest)
	}
	if len(begun) > 0 {
		t.Errorf("%d more runs began", len(begun))
	}
	if ttl := r.redis.PTTL(t.Context(), keysOf("default").ours+"newest:"+keyHash("k")).Val(); ttl <= 0 || ttl > time.Hour {
		t.Errorf("the newest event is known for %v", ttl)
	}
}

// A flood of events of several processes cannot postpone the run beyond max. Each event's run begins or is replaced.
func TestAFloodIsOneRunForEachWindow(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	begun := make(chan string, 100)
	r.worker(func(ctx context.Context, a *Attempt) Outcome { begun <- a.ID; return echo(ctx, a) })
	other, err := NewClient(Config{Redis: r.conn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	c := debounceOf("k", flows.Debounce{For: time.Hour, Max: 500 * time.Millisecond})
	flooding, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var flood sync.WaitGroup
	var ids sync.Map
	for _, client := range []*Client{r.client, r.client, other, other} {
		flood.Go(func() {
			for flooding.Err() == nil {
				ticket, err := client.Submit(t.Context(), event(`1`, c))
				if err != nil {
					t.Error(err)
					return
				}
				ticket.Close()
				ids.Store(ticket.RunID(), true)
			}
		})
	}
	select {
	case <-begun:
	case <-flooding.Done():
		t.Error("no run begins during the flood")
	}
	stop()
	flood.Wait()
	r.nothingLeft()
	events, replaced := 0, 0
	ids.Range(func(id, _ any) bool {
		events++
		switch record := r.record(id.(string)); {
		case record.State == Cancelled && record.ResumedBy != "" && record.Attempt == 0:
			replaced++
		case record.State != Succeeded:
			t.Errorf("%s is %s", id, record.State)
		}
		return true
	})
	if n := 1 + len(begun); replaced != events-n {
		t.Errorf("of %d events, %d runs began and %d were replaced", events, n, replaced)
	}
}

// A batch begins with enough events, and each is in it once, however often it comes.
func TestABatchIsOneRun(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	c := batchOf("k", flows.Batch{Size: 3, Within: time.Hour})
	s := event(`{"n":1}`, c)
	s.Headers, s.Params = map[string]string{"x-a": "b"}, map[string]string{"p": "q"}
	s.IdempotencyKey = &IdempotencyKey{Key: "delivery 1", Fingerprint: "f", Window: time.Hour}
	run := r.accept(s)
	if again := r.submit(s); again.RunID() != run || !again.Attached() {
		t.Errorf("the same event again: %s", again.RunID())
	}
	s.IdempotencyKey = &IdempotencyKey{Key: "delivery 1", Fingerprint: "g", Window: time.Hour}
	if _, err := r.client.Submit(t.Context(), s); !errors.Is(err, ErrMismatch) {
		t.Errorf("another event with its key: %v", err)
	}
	same := event(`{"n":2}`, c)
	same.ID = NewRunID("default")
	for range 2 { // as after a lost reply
		if id := r.accept(same); id != run {
			t.Errorf("the second event is in %s", id)
		}
	}
	if record := r.record(run); record.State != Waiting || record.Collects == nil || record.Collects.Events != 2 {
		t.Errorf("while it collects: %s %+v", record.State, record.Collects)
	}
	var sofar struct{ Events []batchEntry }
	if err := json.Unmarshal(r.record(run).Event, &sofar); err != nil || len(sofar.Events) != 2 || sofar.Events[1].ID != same.ID {
		t.Errorf("its events so far: %+v, %v", sofar, err)
	}
	r.accept(event(``, c))
	if next := r.accept(event(`{"n":4}`, c)); next == run {
		t.Error("a fourth event is in a batch of three")
	}
	r.worker(echo)
	ticket, err := r.client.Attach(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.wait(ticket); got.State != Succeeded {
		t.Fatalf("%+v", got)
	}
	var batch struct{ Events []batchEntry }
	if err := json.Unmarshal(r.record(run).Event, &batch); err != nil || len(batch.Events) != 3 {
		t.Fatalf("%s, %v", r.record(run).Event, err)
	}
	one, two, three := batch.Events[0], batch.Events[1], batch.Events[2]
	if one.Headers["x-a"] != "b" || one.Params["p"] != "q" || string(one.Event) != `{"n":1}` || one.Principal != "key:k" || time.Since(one.At) > time.Minute {
		t.Errorf("%+v", one)
	}
	if two.ID != same.ID || string(two.Event) != `{"n":2}` || string(three.Event) != `null` || three.ID == one.ID {
		t.Errorf("%+v %+v", two, three)
	}
}

// A batch belongs to the sender of its events. When they are of several principals, it belongs to none of them.
func TestABatchOfSeveralPrincipals(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	c := batchOf("k", flows.Batch{Size: 100, Within: time.Hour})
	from := func(principal string) Record {
		t.Helper()
		s := event(`1`, c)
		s.Principal, s.Limit = principal, time.Minute
		return r.record(r.accept(s))
	}
	first := from("user:ann")
	for i, tc := range [][2]string{{"user:ann", "user:ann"}, {"user:bob", ""}, {"user:bob", ""}, {"user:ann", ""}} {
		got := from(tc[0])
		if got.ID != first.ID || got.Principal != tc[1] {
			t.Errorf("after event %d of %s the run belongs to %q", i, tc[0], got.Principal)
		}
		got.Principal, got.Event, got.Collects = first.Principal, first.Event, first.Collects
		if !reflect.DeepEqual(got, first) {
			t.Errorf("after event %d: %+v, want %+v", i, got, first)
		}
	}
}

// The events of a failed batch that come again are in the next batch, each once, when the flow lets them count anew. They do not
// continue the failed batch.
func TestTheEventsOfAFailedBatchAreCollectedAgain(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(func(context.Context, *Attempt) Outcome {
		return Outcome{State: Failed, Error: &flows.Error{Code: flows.CodeStepFailed}}
	})
	c := batchOf("k", flows.Batch{Size: 3, Within: time.Hour})
	deliver := func(n int) string {
		s := event(fmt.Sprint(n), c)
		s.IdempotencyKey = &IdempotencyKey{Key: fmt.Sprint("delivery ", n), Window: time.Hour, Failed: RunAgain}
		return r.accept(s)
	}
	ended := func(run string) Record {
		t.Helper()
		ticket, err := r.client.Attach(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.wait(ticket); got.State != Failed {
			t.Fatalf("%+v", got)
		}
		return r.record(run)
	}
	first := deliver(0)
	deliver(1)
	deliver(2)
	ended(first)
	second := deliver(0)
	for _, n := range []int{0, 1, 1, 2} {
		if run := deliver(n); run != second {
			t.Errorf("event %d is in the run %s, want %s", n, run, second)
		}
	}
	var batch struct{ Events []batchEntry }
	if err := json.Unmarshal(ended(second).Event, &batch); err != nil || len(batch.Events) != 3 {
		t.Fatalf("%d events, %v", len(batch.Events), err)
	}
	for n, e := range batch.Events {
		if string(e.Event) != fmt.Sprint(n) {
			t.Errorf("event %d is %s", n, e.Event)
		}
	}
	if by := r.record(first).ResumedBy; by != "" {
		t.Errorf("the failed batch is continued by %s", by)
	}
}

// A batch begins before it gets too large, also without the call of the process that has submitted the event.
func TestALargeBatchBegins(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	c := batchOf("k", flows.Batch{Size: 100, Within: time.Hour})
	large := `"` + strings.Repeat("x", maxBatchBytes/2) + `"`
	first, second := r.accept(event(large, c)), r.accept(event(large, c))
	if first == second {
		t.Error("both are in one batch")
	}
	if third := r.accept(event(`1`, c)); third != second {
		t.Error("a small event is in a batch of its own")
	}
	k := keysOf("default")
	spec, err := encodeSpec(&Spec{Flow: 1, Queue: "default", Accepted: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	begins := []string{first}
	for range 2 { // events whose process dies after the script
		id := NewRunID("default")
		out, err := submitBatchedScript.Run(t.Context(), r.redis, k.slot(), id, spec, `{"event":1}`, 60000, "u1", id, "", 60000, "", -1, keyHash("dead"), 3600000, 1, maxBatchBytes).StringSlice()
		if err != nil || out[1] != id {
			t.Fatalf("a full batch takes another event: %s, %v", out, err)
		}
		begins = append(begins, id)
	}
	r.worker(echo)
	for _, id := range begins {
		ticket, err := r.client.Attach(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.wait(ticket); got.State != Succeeded || !strings.HasPrefix(string(got.Output), `[{"events":[{`) {
			t.Errorf("%s: %s %.80s", id, got.State, got.Output)
		}
	}
}

// A cancelled batch keeps its events in its record, and the next event is in another run.
func TestACancelledBatch(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	c := batchOf("k", flows.Batch{Size: 100, Within: time.Hour})
	run := r.accept(event(`1`, c))
	if had, err := r.client.Cancel(t.Context(), run, []byte(`{"code":"cancelled"}`)); had != Waiting || err != nil {
		t.Fatalf("%s, %v", had, err)
	}
	record := r.record(run)
	if record.State != Cancelled || record.Collects != nil || !strings.Contains(string(record.Event), `"event":1`) || record.Resumable() != nil {
		t.Errorf("%s %+v %s", record.State, record.Collects, record.Event)
	}
	if next := r.accept(event(`2`, c)); next == run {
		t.Error("a cancelled run takes an event")
	}
}

// While as many runs of a flow collect as may wait, an event that needs another run is refused; one that needs none is not.
func TestRunsThatCollectAreBounded(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	client, err := NewClient(Config{Redis: r.conn, Log: slog.New(slog.DiscardHandler), MaxPending: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	submit := func(c *Collecting) error {
		ticket, err := client.Submit(t.Context(), event(`1`, c))
		if err == nil {
			ticket.Close()
		}
		return err
	}
	hour := flows.Debounce{For: time.Hour}
	batch := flows.Batch{Size: 10, Within: time.Hour}
	for i, c := range []*Collecting{debounceOf("a", hour), debounceOf("b", hour), batchOf("c", batch), debounceOf("a", hour), batchOf("c", batch)} {
		if err := submit(c); err != nil {
			t.Errorf("event %d: %v", i, err)
		}
	}
	for _, c := range []*Collecting{debounceOf("d", hour), batchOf("e", batch)} {
		if err := submit(c); !errors.Is(err, ErrFull) {
			t.Errorf("beyond the bound: %v", err)
		}
	}
	if n, err := client.CancelFlow(t.Context(), 1, time.Time{}, []byte(`{}`)); n != 3 || err != nil {
		t.Errorf("%d runs were cancelled with their flow, %v", n, err)
	}
	if err := submit(debounceOf("d", hour)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// All events of a flow meet on one shard, whichever process takes them.
func TestEventsMeetOnOneShard(t *testing.T) {
	t.Parallel()
	r, _ := newShardedTestQueue(t)
	c := batchOf("k", flows.Batch{Size: 20, Within: time.Hour})
	runs := map[string]bool{}
	for i := range 20 {
		s := event(fmt.Sprint(i), c)
		s.IdempotencyKey = &IdempotencyKey{Key: fmt.Sprint("delivery ", i), Window: time.Hour}
		runs[r.accept(s)] = true
	}
	if len(runs) != 1 {
		t.Fatalf("20 events are in %d runs", len(runs))
	}
	for run := range runs {
		ticket, err := r.client.Attach(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.wait(ticket); got.State != Succeeded || strings.Count(string(got.Output), `"event":`) != 20 {
			t.Errorf("%s %s", got.State, got.Output)
		}
	}
}

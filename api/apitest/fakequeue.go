package apitest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/api/runs"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// FakeQueue accepts runs like the queue, including idempotency keys, and ends each of them with Result.
type FakeQueue struct {
	mu     sync.Mutex
	all    []queue.Submission
	guards map[string]int // idempotency key to the index of the first run in all

	Result  queue.Result // result of every run
	Hold    bool         // runs end at Release
	freed   chan struct{}
	Fail    error // error of Submit and List
	Records map[string]queue.Record
	Closed  int // number of closed tickets

	Listed queue.List // last argument of List
	More   bool       // result of List
	ended  map[string][]chan struct{}
	events chan queue.Event
}

// NewFakeQueue returns a queue whose runs succeed.
func NewFakeQueue() *FakeQueue {
	return &FakeQueue{
		guards:  map[string]int{},
		freed:   make(chan struct{}),
		events:  make(chan queue.Event, 16),
		Records: map[string]queue.Record{},
		ended:   map[string][]chan struct{}{},
		Result: queue.Result{
			State:  queue.Succeeded,
			Output: []byte(`[{"id": 12345678901234567890.10, "x":"<é&\u0041>" }]`),
			Times:  queue.Times{Accepted: Epoch, Started: Epoch.Add(2 * time.Millisecond), Finished: Epoch.Add(5 * time.Millisecond)},
		},
	}
}

// Submitted returns the accepted runs.
func (q *FakeQueue) Submitted() []queue.Submission {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.all)
}

// Submit implements runner.Submit.
func (q *FakeQueue) Submit(_ context.Context, s queue.Submission) (runner.Ticket, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.Fail != nil {
		return nil, q.Fail
	}
	if g := s.IdempotencyKey; g != nil {
		first, seen := q.guards[g.Key]
		switch {
		case seen && g.Reject:
			return nil, queue.ErrReplayed
		case seen && g.Fingerprint != q.all[first].IdempotencyKey.Fingerprint:
			return nil, queue.ErrMismatch
		case seen:
			return &fakeTicket{q, RunID(first), true}, nil
		}
		q.guards[g.Key] = len(q.all)
	}
	q.all = append(q.all, s)
	return &fakeTicket{q, RunID(len(q.all) - 1), false}, nil
}

// Release ends the runs that wait because of Hold.
func (q *FakeQueue) Release() { close(q.freed) }

// Journal implements runner.Records. No run has one.
func (*FakeQueue) Journal(context.Context, *queue.Record) ([]flows.JournalEntry, error) {
	return nil, nil
}

// Record implements runner.Records.
func (q *FakeQueue) Record(_ context.Context, id string) (queue.Record, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r, ok := q.Records[id]
	if !ok {
		return queue.Record{}, fmt.Errorf("read run: %w", queue.ErrNotFound)
	}
	return r, nil
}

// SetRecord changes or adds a record. Tickets of the run return if the record is of a run that has ended.
func (q *FakeQueue) SetRecord(r queue.Record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.Records[r.ID] = r
	if r.State.Terminal() {
		for _, ended := range q.ended[r.ID] {
			close(ended)
		}
		delete(q.ended, r.ID)
	}
}

// Unarchived implements Runs.
func (q *FakeQueue) Unarchived(context.Context) (open, ended int64, err error) { return 0, 0, nil }

// List implements Runs.
func (q *FakeQueue) List(_ context.Context, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.Listed = l
	var all []queue.Record
	for _, r := range q.Records {
		if l.Queues == nil || slices.Contains(l.Queues, r.Queue) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b queue.Record) int {
		if l.Oldest {
			a, b = b, a
		}
		return b.Accepted.Compare(a.Accepted)
	})
	for i := range all {
		each(&all[i])
		next = all[i].Place()
	}
	return next, q.More, q.Fail
}

// Cancel implements Runs.
func (q *FakeQueue) Cancel(ctx context.Context, id string, why []byte) (queue.State, error) {
	r, err := q.Record(ctx, id)
	if err != nil || r.State.Terminal() {
		return r.State, err
	}
	had := r.State
	r.State, r.Error = queue.Cancelled, &flows.Error{}
	if err := json.Unmarshal(why, r.Error); err != nil {
		return "", err
	}
	q.SetRecord(r)
	return had, nil
}

// CancelUnwaited implements Runs: its runs have one caller at most.
func (q *FakeQueue) CancelUnwaited(ctx context.Context, id string, why []byte) (queue.State, error) {
	return q.Cancel(ctx, id, why)
}

// SetTriage implements Runs.
func (q *FakeQueue) SetTriage(ctx context.Context, run string, t queue.Triage) error {
	r, err := q.Record(ctx, run)
	if err == nil {
		r.Triage = &t
		q.SetRecord(r)
	}
	return err
}

// Attach implements Runs.
func (q *FakeQueue) Attach(ctx context.Context, id string) (runner.Ticket, error) {
	r, err := q.Record(ctx, id)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	ended := make(chan struct{})
	if r.State.Terminal() {
		close(ended)
	} else {
		q.ended[id] = append(q.ended[id], ended)
	}
	return &endTicket{fakeTicket{q, id, true}, ended}, nil
}

// endTicket waits until SetRecord ends the run.
type endTicket struct {
	fakeTicket
	ended chan struct{}
}

func (t *endTicket) Wait(ctx context.Context) (queue.Result, error) {
	select {
	case <-t.ended:
		r, err := t.queue.Record(ctx, t.id)
		return r.Result, err
	case <-ctx.Done():
		return queue.Result{}, ctx.Err()
	}
}

// Watch implements Runs.
func (q *FakeQueue) Watch(ctx context.Context, id string) (runs.Watch, error) {
	_, err := q.Record(ctx, id)
	return q, err
}

// Events implements Watch.
func (q *FakeQueue) Events() <-chan queue.Event { return q.events }

// Close implements Watch.
func (q *FakeQueue) Close() {}

// RunID returns the id of the n-th run of a FakeQueue.
func RunID(n int) string { return fmt.Sprintf("0193a4b0-0000-7000-8000-%012d", n) }

type fakeTicket struct {
	queue    *FakeQueue
	id       string
	attached bool
}

func (t *fakeTicket) RunID() string  { return t.id }
func (t *fakeTicket) Attached() bool { return t.attached }

func (t *fakeTicket) Close() {
	t.queue.mu.Lock()
	defer t.queue.mu.Unlock()
	t.queue.Closed++
}

func (t *fakeTicket) Wait(ctx context.Context) (queue.Result, error) {
	t.queue.mu.Lock()
	hold, result := t.queue.Hold, t.queue.Result
	t.queue.mu.Unlock()
	if !hold {
		return result, nil
	}
	select {
	case <-t.queue.freed:
		return result, nil
	case <-ctx.Done():
		return queue.Result{}, ctx.Err()
	}
}

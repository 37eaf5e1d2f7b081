package queue

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Ticket waits for the result of one run. Its Close, or the end of Wait, lets
// go of the run; the run goes on.
type Ticket struct {
	client   *Client
	queue    *queueState
	id       string
	attached bool
	untilEnd bool        // waits for the end of the run: an early answer is not enough
	result   chan Result // buffered: who delivers never blocks
	since    time.Time
	accepted bool // guarded by waiters.mu; the run was stored
	missed   int  // guarded by waiters.mu; how often in a row there was no record of it
}

// RunID is the run that the ticket waits for: the first one, when attached.
func (t *Ticket) RunID() string { return t.id }

// Attached reports that the submission repeated an earlier one and waits for
// that run's result.
func (t *Ticket) Attached() bool { return t.attached }

// Wait returns the run's result, or the context's error when that ends first.
// It may be called again after an error. ErrGone: Redis has lost the run.
func (t *Ticket) Wait(ctx context.Context) (Result, error) {
	select {
	case r := <-t.result:
		t.Close()
		t.result <- r // for a second Wait
		if r.gone {
			return Result{}, ErrGone
		}
		return r, nil
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// Close stops waiting.
func (t *Ticket) Close() { t.client.waiters.remove(t) }

// attach turns the ticket to the run that an equal submission had started. It
// may have ended before we were registered, so it is looked at right away.
func (t *Ticket) attach(id string) {
	w := &t.client.waiters
	w.remove(t)
	t.id, t.attached, t.since, t.accepted = id, true, time.Time{}, true
	w.register(t)
	w.requestPoll()
}

// waiters are the tickets of one process by run id. Several may wait for one
// run.
type waiters struct {
	mu      sync.Mutex
	byRun   map[string][]*Ticket // guarded by mu
	pollNow chan struct{}        // a recheck should not wait for its tick
}

func (w *waiters) init() {
	w.byRun = map[string][]*Ticket{}
	w.pollNow = make(chan struct{}, 1)
}

// nudge asks for a recheck now. One that is already asked for will do.
func (w *waiters) requestPoll() {
	select {
	case w.pollNow <- struct{}{}:
	default:
	}
}

func (w *waiters) add(c *Client, q *queueState, id string) *Ticket {
	t := &Ticket{client: c, queue: q, id: id, result: make(chan Result, 1), since: time.Now()}
	w.register(t)
	return t
}

func (w *waiters) register(t *Ticket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byRun[t.id] = append(w.byRun[t.id], t)
}

func (w *waiters) remove(t *Ticket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.byRun[t.id]
	for i, other := range all {
		if other == t {
			all = append(all[:i:i], all[i+1:]...)
			break
		}
	}
	if len(all) == 0 {
		delete(w.byRun, t.id)
	} else {
		w.byRun[t.id] = all
	}
}

// deliver hands a result to everybody who waits for the run; that of a run
// which goes on to those whom an early answer will do. The first one counts;
// a repeated one finds nobody.
func (w *waiters) deliver(id string, r Result) {
	w.mu.Lock()
	served := w.byRun[id]
	delete(w.byRun, id)
	if !r.State.Terminal() {
		var left []*Ticket
		if served, left = splitByEarly(served); len(left) > 0 {
			w.byRun[id] = left
		}
	}
	w.mu.Unlock()
	for _, t := range served {
		t.result <- r
	}
}

// answerable parts the tickets that an early answer will do from the others.
func splitByEarly(all []*Ticket) (served, left []*Ticket) {
	for _, t := range all {
		if t.untilEnd {
			left = append(left, t)
		} else {
			served = append(served, t)
		}
	}
	return served, left
}

// accept notes that the ticket's run was stored.
func (w *waiters) accept(t *Ticket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.accepted = true
}

// missing notes that there is no record of a run, and gives up those who have
// waited for it when that was so before: a run's record outlives its waiters, unless Redis loses it.
func (w *waiters) missing(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.byRun[id] {
		if !t.accepted {
			continue
		}
		if t.missed++; t.missed == missesUntilGone {
			t.result <- Result{gone: true}
		}
	}
}

// found notes that there are records of runs.
func (w *waiters) found(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.byRun[id] {
		t.missed = 0
	}
}

// lostAfter is how many rechecks in a row have to miss a run's record.
const missesUntilGone = 2

// waiting reports whether anybody in this process waits for the run.
func (w *waiters) waiting(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.byRun[id]) > 0
}

// overdue lists the runs that have been waited for since before the moment,
// by lane.
func (w *waiters) overdue(before time.Time) map[*queueState][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[*queueState][]string{}
	for id, all := range w.byRun {
		if slices.ContainsFunc(all, func(t *Ticket) bool { return t.since.Before(before) }) {
			out[all[0].queue] = append(out[all[0].queue], id)
		}
	}
	return out
}

// Waiting is the number of runs that this process waits for.
func (c *Client) Waiting() int {
	c.waiters.mu.Lock()
	defer c.waiters.mu.Unlock()
	return len(c.waiters.byRun)
}

// Attach waits for the end of a run that was accepted before, by any door. An
// answer that the flow gives early does not end the wait. Errors: ErrNotFound,
// ErrUnavailable.
func (c *Client) Attach(ctx context.Context, id string) (*Ticket, error) {
	queues, err := c.queuesOf(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, queue := range queues {
		t, err := c.attach(ctx, queue, id)
		if t != nil || err != nil {
			return t, err
		}
	}
	return nil, ErrNotFound
}

// attach registers before it asks, so that an end in between is not missed;
// nil without an error: the run is not on this queue.
func (c *Client) attach(ctx context.Context, queue, id string) (*Ticket, error) {
	q, err := c.queueState(ctx, queue)
	if err != nil {
		return nil, err
	}
	t := &Ticket{client: c, queue: q, id: id, attached: true, untilEnd: true, accepted: true, result: make(chan Result, 1), since: time.Now()}
	c.waiters.register(t)
	state, err := attachScript.Run(ctx, c.redis, q.keys.slot(), id, c.process).Text()
	switch {
	case err != nil:
		t.Close()
		return nil, redisError("attach to run", err)
	case state == "":
		t.Close()
		return nil, nil
	case State(state).Terminal():
		c.fetch(ctx, id)
	}
	return t, nil
}

package queue

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Ticket waits for the result of one run. Wait or Close must be called to release
// it; neither has an effect on the run.
type Ticket struct {
	client   *Client
	queue    *queueState
	id       string
	attached bool
	untilEnd bool        // waits for the end of the run; false: an early answer is enough
	result   chan Result // buffered, so that delivery never blocks
	since    time.Time
	accepted bool // guarded by waiters.mu; the run was stored
	missed   int  // guarded by waiters.mu; consecutive polls without a record of the run
}

// RunID is the id of the run that the ticket waits for. When attached, that is the
// first run.
func (t *Ticket) RunID() string { return t.id }

// Attached reports whether the submission repeated an earlier one, so that the
// ticket waits for the earlier run.
func (t *Ticket) Attached() bool { return t.attached }

// Wait returns the result of the run, or the error of ctx if that ends first. It
// may be called again. ErrGone: Redis has lost the record of the run.
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

// Close stops waiting. It may be called more than once.
func (t *Ticket) Close() { t.client.waiters.remove(t) }

// attach moves the ticket to the run of an earlier submission. That run may have
// ended before the ticket was registered, so it is polled at once.
func (t *Ticket) attach(id string) {
	w := &t.client.waiters
	w.remove(t)
	t.id, t.attached, t.since, t.accepted = id, true, time.Time{}, true
	w.register(t)
	w.requestPoll()
}

// waiters are the open tickets of this process by run id. A run may have several.
type waiters struct {
	mu      sync.Mutex
	byRun   map[string][]*Ticket // guarded by mu
	pollNow chan struct{}        // asks Client.Run to poll before its next tick; buffered, one signal is enough
}

func (w *waiters) init() {
	w.byRun = map[string][]*Ticket{}
	w.pollNow = make(chan struct{}, 1)
}

// requestPoll makes Client.Run poll now.
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

// deliver sends a result to the tickets of its run and removes them. The result of
// a run that continues, an early answer, goes only to tickets without untilEnd.
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

// splitByEarly separates the tickets that an early answer serves from the others.
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

// accept records that the ticket's run was stored.
func (w *waiters) accept(t *Ticket) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.accepted = true
}

// missing records that a poll found no record of a run. After missesUntilGone
// polls in a row its tickets get ErrGone: the record of a run outlives its waiters
// unless Redis loses it.
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

// found records that a poll found the record of a run.
func (w *waiters) found(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.byRun[id] {
		t.missed = 0
	}
}

// missesUntilGone is the number of consecutive polls without a record after which
// a run is taken for gone.
const missesUntilGone = 2

// waiting reports whether a ticket of this process waits for the run.
func (w *waiters) waiting(id string) bool { return w.count(id) > 0 }

// count returns the number of tickets of this process that wait for the run.
func (w *waiters) count(id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.byRun[id])
}

// overdue lists the runs with a ticket that is older than the given time, by queue.
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

// Waiting returns the number of runs that this process waits for.
func (c *Client) Waiting() int {
	c.waiters.mu.Lock()
	defer c.waiters.mu.Unlock()
	return len(c.waiters.byRun)
}

// Attach returns a ticket for the end of a run that any API process submitted. An
// early answer of the flow does not end its wait. Errors: ErrNotFound,
// ErrUnavailable.
func (c *Client) Attach(ctx context.Context, id string) (t *Ticket, err error) {
	err = c.withRecall(ctx, id, func() error {
		t, err = c.attachStored(ctx, id)
		return err
	})
	return t, err
}

func (c *Client) attachStored(ctx context.Context, id string) (*Ticket, error) {
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

// attach registers the ticket before it calls attach.lua, so that an end in
// between is not missed. nil without an error: the run is not on this queue.
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

const (
	pollInterval = time.Second // how long a lost reply delays its caller
	pollBatch    = 500
)

// pollOverdue reads the states of the runs that tickets have waited for longer than
// pollInterval, and delivers the results of those that have ended.
func (c *Client) pollOverdue(ctx context.Context) {
	for q, ids := range c.waiters.overdue(time.Now().Add(-pollInterval)) {
		for len(ids) > 0 {
			n := min(len(ids), pollBatch)
			c.pollStates(ctx, q, ids[:n])
			ids = ids[n:]
		}
	}
}

func (c *Client) pollStates(ctx context.Context, q *queueState, ids []string) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	states, err := statesScript.Run(ctx, c.redis, q.keys.slot(), args...).StringSlice()
	if err != nil || len(states) != len(ids) {
		return // Redis does not answer; the next tick tries again
	}
	for i, state := range states {
		if state == "" {
			c.waiters.missing(ids[i])
			continue
		}
		c.waiters.found(ids[i])
		if State(state).Terminal() || state == "answered" {
			c.fetch(ctx, ids[i])
		}
	}
}

package queue

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// Sharing lists the flows in line in the order of turns, and reads a bounded number of them.
func TestSharing(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	release := make(chan struct{})
	r.worker(hanging(release), func(c *ServerConfig) { c.Slots, c.Spare = 1, -1 })
	r.slotsKnown("1")
	var all []*Ticket
	for range 1 + 8 + 4 { // one executes, eight are pending, four stand in line
		all = append(all, r.submit(of(1, true)))
	}
	for range 3 {
		s := of(2, false)
		s.Share = 20
		all = append(all, r.submit(s))
	}
	for i := range maxFairKeys + 5 {
		s := of(3, false)
		s.FairKey = fmt.Sprint(i)
		all = append(all, r.submit(s))
	}
	got, err := r.client.Sharing(t.Context())
	if err != nil || len(got) != 1 || len(got[0].Lines) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	s := got[0]
	for i := range s.Lines {
		l := &s.Lines[i]
		if l.Oldest() <= 0 || l.Oldest() > time.Minute || (l.Waited == 0) != (l.OldestWaited == 0) || (l.Unwaited == 0) != (l.OldestUnwaited == 0) {
			t.Errorf("flow %d: the oldest wait %v and %v", l.Flow, l.OldestWaited, l.OldestUnwaited)
		}
		l.OldestWaited, l.OldestUnwaited = 0, 0
	}
	want := []Line{{Flow: 1, Now: 9, Waited: 4}, {Flow: 2, Unwaited: 3, Share: 20}, {Flow: 3, Unwaited: maxFairKeys, AtLeast: true}}
	if s.Slots != 1 || s.Spare != 0 || s.Share != 50 || s.More != 0 || s.Turns != 0 || fmt.Sprint(s.Lines) != fmt.Sprint(want) {
		t.Errorf("got %+v, want the lines %+v", s, want)
	}
	close(release)
	for _, ticket := range all {
		r.wait(ticket)
	}
	r.noTurns()
	if got, err := r.client.Sharing(t.Context()); err != nil || len(got[0].Lines) != 0 || got[0].Turns != int64(4+3+maxFairKeys+5) {
		t.Errorf("afterwards %+v %v", got, err)
	}
}

// holding is a handler that holds runs of flow 1, parks those of flow 3, and hangs on flow 2 until release is closed.
func holding(release <-chan struct{}) Handler {
	return func(ctx context.Context, a *Attempt) Outcome {
		switch a.Flow {
		case 1:
			if held, err := a.ParkIfPaused(ctx, time.UnixMilli(1000)); err != nil || held == Deferred {
				return Outcome{State: Waiting}
			}
		case 2:
			select {
			case <-release:
			case <-ctx.Done():
			}
		case 3:
			if a.Number == 1 {
				return Outcome{State: Waiting, Wake: time.Now().Add(time.Hour)}
			}
		}
		return echo(ctx, a)
	}
}

// Runs of a flow that no worker executes are counted and cancelled, wherever they
// wait; those of others, and the one that executes, are left alone.
func TestCancelFlow(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	release := make(chan struct{})
	r.worker(holding(release), func(c *ServerConfig) { c.Slots, c.Spare = 1, -1 })
	r.slotsKnown("1")
	var held, parked, queued []*Ticket
	for range 3 {
		held = append(held, r.submit(of(1, false)))
		parked = append(parked, r.submit(of(3, false)))
	}
	for i := range 3 {
		r.state(held[i].RunID(), Waiting)
		r.state(parked[i].RunID(), Waiting)
	}
	runs := r.submit(of(2, false))
	r.state(runs.RunID(), Running)
	for range 12 { // eight are pending, four stand in line
		queued = append(queued, r.submit(of(2, true)))
	}
	for flow, want := range map[int64]FlowRuns{1: {Paused: 3}, 2: {Queued: 12}, 3: {Parked: 3}, 12: {}} {
		if got, err := r.client.FlowRuns(t.Context(), flow); err != nil || got != want {
			t.Errorf("flow %d has %+v %v, want %+v", flow, got, err, want)
		}
	}
	for flow, want := range map[int64]int{2: 12, 3: 3, 12: 0} {
		if n, err := r.client.CancelFlow(t.Context(), flow, time.Time{}, []byte("{}")); err != nil || n != want {
			t.Errorf("cancelled %d runs of flow %d, %v, want %d", n, flow, err, want)
		}
	}
	if n, err := r.client.CancelFlow(t.Context(), 1, time.UnixMilli(1000), []byte("{}")); err != nil || n != 3 {
		t.Errorf("cancelled %d held runs, %v", n, err)
	}
	late := r.submit(of(1, false)) // its worker still believes in the pause
	close(release)
	for _, ticket := range append(append(held, parked...), queued...) {
		if got := r.wait(ticket); got.State != Cancelled {
			t.Errorf("%+v", got)
		}
	}
	for _, ticket := range []*Ticket{runs, late} {
		if got := r.wait(ticket); got.State != Succeeded {
			t.Errorf("%+v", got)
		}
	}
	r.nothingLeft()
	r.noTurns()
	if _, line := keysOf("default").pausedFlow(1); r.redis.Exists(t.Context(), line).Val() != 0 {
		t.Error("a line of held runs is left")
	}
}

package queue

import (
	"context"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// The time of delivery is in the record soon after, by the clock of its other times;
// a second delivery changes nothing.
func TestRecordTellsWhenAResultWasDelivered(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(func(context.Context, *Attempt) Outcome { return Outcome{State: Succeeded, Output: []byte("[]")} })
	ticket := r.submit(Submission{Spec: spec()})
	r.wait(ticket)
	if record, err := r.client.Record(t.Context(), ticket.RunID()); err != nil || !record.Times.Delivered.IsZero() {
		t.Fatalf("answered at %v before it was: %v", record.Times.Delivered, err)
	}
	r.client.MarkDelivered(ticket.RunID())
	first := r.replied(ticket.RunID())
	if took := first.Times.Delivered.Sub(first.Times.Finished); took <= 0 || took > 10*time.Second {
		t.Errorf("answered %v after the run's end", took)
	}
	r.client.MarkDelivered(ticket.RunID())
	r.client.writeDeliveries(t.Context())
	if again := r.replied(ticket.RunID()); !again.Times.Delivered.Equal(first.Times.Delivered) {
		t.Errorf("a second answer moved %v to %v", first.Times.Delivered, again.Times.Delivered)
	}
}

// replied reads a run until its time of delivery is stored.
func (r *testQueue) replied(id string) (record Record) {
	r.t.Helper()
	testenv.Eventually(r.t, func() string {
		var err error
		if record, err = r.client.Record(r.t.Context(), id); err != nil {
			r.t.Fatal(err)
		}
		if record.Times.Delivered.IsZero() {
			return "somebody notes when the run was answered"
		}
		return ""
	})
	return record
}

// A run that does not exist, or has not ended, is not changed.
func TestDeliveredLeavesOtherRunsAlone(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	open := r.submit(Submission{Spec: spec()}) // nobody works
	gone := NewRunID("default")
	r.client.MarkDelivered(open.RunID())
	r.client.MarkDelivered(gone)
	r.client.writeDeliveries(t.Context())
	if record, err := r.client.Record(t.Context(), open.RunID()); err != nil || !record.Times.Delivered.IsZero() {
		t.Errorf("an open run was answered at %v: %v", record.Times.Delivered, err)
	}
	if n, err := r.redis.Exists(t.Context(), keysOf("default").runPrefix()+gone).Result(); n != 0 || err != nil {
		t.Errorf("%d records of a run that is gone: %v", n, err)
	}
}

// A busy API process stores no more than maxDeliveries.
func TestDeliveriesAreBounded(t *testing.T) {
	t.Parallel()
	c := &Client{}
	for range 10 * maxDeliveries {
		c.MarkDelivered("run")
	}
	if got := len(c.deliveries.all); got != maxDeliveries {
		t.Errorf("%d noted, room for %d", got, maxDeliveries)
	}
}

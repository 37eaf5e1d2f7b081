package queue

import (
	"context"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// When a run was answered is in its record soon after, on the clock of its
// other times; a second answer changes nothing.
func TestRecordTellsWhenARunWasAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, testenv.Redis(t).URL())
	r.worker(func(context.Context, *Attempt) Outcome { return Outcome{State: Succeeded, Output: []byte("[]")} })
	ticket := r.submit(Submission{Spec: spec()})
	r.wait(ticket)
	if record, err := r.client.Record(t.Context(), ticket.RunID()); err != nil || !record.Times.Replied.IsZero() {
		t.Fatalf("answered at %v before it was: %v", record.Times.Replied, err)
	}
	r.client.Replied(ticket.RunID())
	first := r.replied(ticket.RunID())
	if took := first.Times.Replied.Sub(first.Times.Finished); took <= 0 || took > 10*time.Second {
		t.Errorf("answered %v after the run's end", took)
	}
	r.client.Replied(ticket.RunID())
	r.client.noteReplies(t.Context())
	if again := r.replied(ticket.RunID()); !again.Times.Replied.Equal(first.Times.Replied) {
		t.Errorf("a second answer moved %v to %v", first.Times.Replied, again.Times.Replied)
	}
}

// replied reads a run until it is known when it was answered.
func (r *rig) replied(id string) (record Record) {
	r.t.Helper()
	testenv.Eventually(r.t, func() string {
		var err error
		if record, err = r.client.Record(r.t.Context(), id); err != nil {
			r.t.Fatal(err)
		}
		if record.Times.Replied.IsZero() {
			return "somebody notes when the run was answered"
		}
		return ""
	})
	return record
}

// A run that is not there, or has not ended, is not made into one.
func TestRepliedLeavesOtherRunsAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, testenv.Redis(t).URL())
	open := r.submit(Submission{Spec: spec()}) // nobody works
	gone := NewRunID("default")
	r.client.Replied(open.RunID())
	r.client.Replied(gone)
	r.client.noteReplies(t.Context())
	if record, err := r.client.Record(t.Context(), open.RunID()); err != nil || !record.Times.Replied.IsZero() {
		t.Errorf("an open run was answered at %v: %v", record.Times.Replied, err)
	}
	if n, err := r.redis.Exists(t.Context(), keysOf("default").runPrefix()+gone).Result(); n != 0 || err != nil {
		t.Errorf("%d records of a run that is gone: %v", n, err)
	}
}

// A busy door notes no more than there is room for.
func TestRepliedIsBounded(t *testing.T) {
	t.Parallel()
	c := &Client{}
	for range 10 * repliedMost {
		c.Replied("run")
	}
	if got := len(c.answers.all); got != repliedMost {
		t.Errorf("%d noted, room for %d", got, repliedMost)
	}
}

package queue

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// textOf returns a JSON text of some bytes, none of whose parts are equal.
func textOf(size int) []byte {
	text := make([]byte, size)
	for i := range text {
		text[i] = byte('a' + i*7%26 + i/1000%3)
	}
	text[0], text[size-1] = '"', '"'
	return text
}

// checkFields fails when a field of the hash is longer than one command may carry.
func (r *testQueue) checkFields(key string) {
	r.t.Helper()
	for field, value := range r.redis.HGetAll(context.Background(), key).Val() {
		if len(value) > perCall+1 {
			r.t.Errorf("field %s of %s has %d bytes", field, key, len(value))
		}
	}
}

// No command carries more than a piece of a large output, whoever asks for it.
func TestALongOutputIsStoredInPieces(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	sizes := []int{maxReplyOutput, maxReplyOutput + 1, perCall, perCall + 1, 9*perCall + 7}
	r.worker(func(_ context.Context, a *Attempt) Outcome {
		return Outcome{State: Succeeded, Output: textOf(sizes[a.Flow-1])}
	})
	for i, size := range sizes {
		s := Submission{Spec: spec()}
		s.Flow = int64(i + 1)
		ticket := r.submit(s)
		want := textOf(size)
		if got := r.wait(ticket); got.State != Succeeded || !bytes.Equal(got.Output, want) {
			t.Errorf("%d bytes: %s with %d bytes", size, got.State, len(got.Output))
		}
		record, err := r.client.Record(t.Context(), ticket.RunID())
		if err != nil || !bytes.Equal(record.Output, want) {
			t.Errorf("record of %d bytes: %d bytes, %v", size, len(record.Output), err)
		}
		later, err := r.client.Attach(t.Context(), ticket.RunID())
		if err != nil {
			t.Fatal(err)
		}
		if got := r.wait(later); !bytes.Equal(got.Output, want) {
			t.Errorf("attached, %d bytes: %d bytes", size, len(got.Output))
		}
		r.checkFields(keysOf("default").runPrefix() + ticket.RunID())
		r.checkFields(keysOf("default").journalPrefix() + ticket.RunID())
	}
	r.nothingLeft()
}

// The pieces of an attempt that died before it ended are not in the output of the next.
func TestPiecesOfAnEarlierAttemptAreReplaced(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ticket := r.submit(Submission{Spec: spec()})
	journal := keysOf("default").journalPrefix() + ticket.RunID()
	for n := range 9 {
		r.redis.HSet(t.Context(), journal, pieceKey("output", n), "pold")
	}
	want := textOf(3 * perCall)
	r.worker(func(context.Context, *Attempt) Outcome { return Outcome{State: Succeeded, Output: want} })
	if got := r.wait(ticket); !bytes.Equal(got.Output, want) {
		t.Errorf("%s with %d bytes", got.State, len(got.Output))
	}
	r.redis.HDel(t.Context(), journal, pieceKey("output", 1))
	if _, err := r.client.Record(t.Context(), ticket.RunID()); err == nil || !strings.Contains(err.Error(), "output#1 is missing") {
		t.Errorf("a record without one of its pieces: %v", err)
	}
}

// A stale attempt stores neither pieces nor an output.
func TestAStaleAttemptStoresNoPieces(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	ticket := r.submit(Submission{Spec: spec()})
	cancelled := make(chan error, 2)
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		if _, err := r.client.Cancel(context.Background(), a.ID, []byte(`{"code":"cancelled"}`)); err != nil {
			t.Error(err)
		}
		cancelled <- a.Respond(context.Background(), flows.Response{Body: textOf(perCall)})
		return Outcome{State: Succeeded, Output: textOf(2 * perCall)}
	})
	if got := r.wait(ticket); got.State != Cancelled || got.Output != nil {
		t.Errorf("result %+v", got)
	}
	if err := <-cancelled; !errors.Is(err, ErrLost) {
		t.Errorf("responding after the end: %v", err)
	}
	r.nothingLeft()
	if n := r.redis.HLen(t.Context(), keysOf("default").journalPrefix()+ticket.RunID()).Val(); n != 0 {
		t.Errorf("%d pieces are stored", n)
	}
}

// Only the first response counts, also when both are long.
func TestALongResponseIsStoredInPieces(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	first, second := textOf(3*perCall), bytes.Repeat([]byte("b"), 5*perCall)
	handler, finish := responder(t, flows.Response{Status: 201, Body: first}, flows.Response{Body: second})
	r.worker(handler)
	guard := &IdempotencyKey{Key: "k", Window: time.Minute}
	ticket := r.submit(Submission{Spec: spec(), IdempotencyKey: guard})
	if got := r.wait(ticket); got.Early == nil || !bytes.Equal(got.Early.Body, first) {
		t.Fatalf("response %+v", got.State)
	}
	close(finish)
	record, err := r.client.Record(t.Context(), ticket.RunID())
	if err != nil || record.Early == nil || record.Early.Status != 201 || !bytes.Equal(record.Early.Body, first) {
		t.Errorf("record: %v", err)
	}
	r.checkFields(keysOf("default").runPrefix() + ticket.RunID())
	r.checkFields(keysOf("default").journalPrefix() + ticket.RunID())
}

// Results has the whole results of a run, up to the size that the caller takes.
func TestResultsOfAJournal(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	long := textOf(3*perCall + 7)
	r.worker(func(ctx context.Context, a *Attempt) Outcome {
		j := a.Journal()
		for key, result := range map[string][]byte{"a.0": []byte(`{"items":[1]}`), "b.0": long} {
			if err := j.Finish(ctx, key, result); err != nil {
				return Outcome{State: Failed}
			}
		}
		_, err := j.Start(ctx, "c.0", flows.Once) // leaves no result
		return Outcome{State: map[bool]State{true: Succeeded, false: Failed}[err == nil], Output: []byte("[]")}
	})
	ticket := r.submit(Submission{Spec: spec()})
	if got := r.wait(ticket); got.State != Succeeded {
		t.Fatal(got.State)
	}
	record, err := r.client.Record(t.Context(), ticket.RunID())
	if err != nil {
		t.Fatal(err)
	}
	results, err := r.client.Results(t.Context(), &record, 4*perCall)
	if err != nil || len(results) != 2 || string(results["a.0"]) != `{"items":[1]}` || !bytes.Equal(results["b.0"], long) {
		t.Errorf("%d results, %v", len(results), err)
	}
	for _, most := range []int{len(long), perCall, 5} {
		if _, err := r.client.Results(t.Context(), &record, most); !errors.Is(err, ErrTooLarge) {
			t.Errorf("at most %d bytes: %v", most, err)
		}
	}
}

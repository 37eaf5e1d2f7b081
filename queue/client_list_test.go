package queue

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

func (r *testQueue) list(l List) (ids []string, more bool) {
	r.t.Helper()
	_, more, err := r.client.List(context.Background(), l, func(record *Record) { ids = append(ids, record.ID) })
	if err != nil {
		r.t.Fatal(err)
	}
	return ids, more
}

// Pages that begin behind one another show every run once, in either order,
// also when runs are open, and of one millisecond.
func TestListGoesOnBehindAPlace(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	stop := r.worker(echo)
	var tickets []*Ticket
	for range 7 {
		tickets = append(tickets, r.submit(Submission{Spec: spec()}))
	}
	for _, ticket := range tickets {
		r.wait(ticket)
	}
	r.nothingLeft()
	stop()
	for range 6 {
		r.submit(Submission{Spec: spec()})
	}
	for _, oldest := range []bool{false, true} {
		want, _ := r.list(List{Oldest: oldest})
		var got []string
		l := List{Oldest: oldest, Most: 2}
		for more, n := true, 0; more; n++ {
			var err error
			before := l.After
			if l.After, more, err = r.client.List(t.Context(), l, func(record *Record) {
				got = append(got, record.ID)
			}); err != nil || more && l.After == before || n > len(want) {
				t.Fatalf("page %d: %v, %v", n, got, err)
			}
		}
		if len(want) != 13 || !slices.Equal(got, want) {
			t.Errorf("oldest %v: by pages %v, at once %v", oldest, got, want)
		}
	}
}

func TestListShowsOpenAndEndedRunsByTheirAcceptance(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	var want []string
	accept := func(queue string) *Ticket {
		s := spec()
		s.Queue = queue
		ticket := r.submit(Submission{Spec: s})
		want = append([]string{ticket.RunID()}, want...)
		return ticket
	}
	stop := r.worker(echo)
	for range 3 {
		r.wait(accept("default"))
	}
	r.nothingLeft()
	stop()
	middle := time.Now()
	for _, queue := range []string{"default", "other", "default"} {
		accept(queue)
	}
	if got, more := r.list(List{}); !slices.Equal(got, want) || more {
		t.Errorf("all: %v (more %v), want %v", got, more, want)
	}
	oldest := slices.Clone(want)
	slices.Reverse(oldest)
	if got, more := r.list(List{Oldest: true, Most: 2}); !slices.Equal(got, oldest[:2]) || !more {
		t.Errorf("the two oldest: %v (more %v), want %v", got, more, oldest[:2])
	}
	if got, more := r.list(List{Most: 4}); !slices.Equal(got, want[:4]) || !more {
		t.Errorf("the four newest: %v (more %v), want %v", got, more, want[:4])
	}
	if got, _ := r.list(List{Queues: []string{"other"}}); !slices.Equal(got, want[1:2]) {
		t.Errorf("of the other queue: %v, want %v", got, want[1:2])
	}
	if got, _ := r.list(List{From: middle.Add(-time.Hour), To: middle}); !slices.Contains(got, want[5]) {
		t.Errorf("until the middle: %v, want %v among them", got, want[5])
	}
	if got, _ := r.list(List{From: middle.Add(time.Hour)}); len(got) != 0 {
		t.Errorf("of the future: %v", got)
	}
	if got, _ := r.list(List{To: middle.Add(-time.Hour)}); len(got) != 0 {
		t.Errorf("of the past: %v", got)
	}
}

func TestListLeavesOutWhatIsLarge(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.worker(echo)
	r.wait(r.submit(Submission{Spec: spec()}))
	r.nothingLeft()
	n := 0
	_, _, err := r.client.List(t.Context(), List{}, func(record *Record) {
		n++
		if record.State != Succeeded || record.Attempt != 1 || record.Flow != 1 || record.Principal != "key:k" || record.Times.Finished.IsZero() {
			t.Errorf("record %+v", record)
		}
		if record.Event != nil || record.Output != nil || record.Steps != nil {
			t.Errorf("record with its data: %+v", record)
		}
	})
	if err != nil || n != 1 {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestListForgetsRunsWhoseRetentionIsOver(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	stop := r.worker(echo)
	ticket := r.submit(Submission{Spec: spec()})
	r.wait(ticket)
	r.nothingLeft()
	stop()
	r.redis.Del(t.Context(), keysOf("default").runPrefix()+ticket.RunID())
	if got, _ := r.list(List{}); len(got) != 0 {
		t.Errorf("listed %v", got)
	}
}

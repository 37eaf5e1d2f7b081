package queue

import (
	"errors"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

func TestAQueueThatIsLateTakesNoWorkThatSomebodyWaitsFor(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	first := r.submit(Submission{Spec: spec()})
	q, err := r.client.queueState(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	check := func() { r.client.checkOldest(t.Context(), q) }
	check()
	if q.overdue.Load() {
		t.Error("a fresh task makes the queue late")
	}
	task := keysOf("default").taskPrefix() + taskID(first.RunID(), 1)
	r.redis.HSet(t.Context(), task, "pending_since", time.Now().Add(-31*time.Second).UnixNano())
	check()
	if _, err := r.client.Submit(t.Context(), Submission{Spec: spec()}); !errors.Is(err, ErrFull) {
		t.Errorf("work that somebody waits for: %v", err)
	}
	patient := spec()
	patient.Sync = false
	r.submit(Submission{Spec: patient}).Close()
	r.worker(echo)
	r.wait(first)
	r.nothingLeft()
	check()
	if got := r.wait(r.submit(Submission{Spec: spec()})); got.State != Succeeded {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestAnyAgeWillDo(t *testing.T) {
	t.Parallel()
	r := newTestQueue(t, testenv.Redis(t).URL())
	r.client.cfg.MaxAge = -1
	first := r.submit(Submission{Spec: spec()})
	r.redis.HSet(t.Context(), keysOf("default").taskPrefix()+taskID(first.RunID(), 1), "pending_since", 1)
	q, err := r.client.queueState(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	r.client.checkOldest(t.Context(), q)
	r.submit(Submission{Spec: spec()}).Close()
}

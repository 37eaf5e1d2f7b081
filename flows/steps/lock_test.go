package steps_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/flows"
)

const lockParkedFor = 5 * time.Second

// lockedRun has runs that hold a lock for three seconds.
func lockedRun(t *testing.T, wait string) *durableRun {
	t.Helper()
	return newDurableRun(t, "  - lock: {key: k, wait: "+wait+", steps: [{delay: 3s}, {probe: }]}\n")
}

func TestLockLetsOneThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := lockedRun(t, "1m")
		r.env.Journal, r.env.Parks = nil, false
		var all sync.WaitGroup
		var ended atomic.Int64
		begun := time.Now()
		for _, run := range []string{"a", "b", "c"} {
			all.Go(func() {
				if _, err := r.flow.Execute(t.Context(), flows.Run{ID: run}, r.env); err != nil {
					t.Error(err)
				}
				if took, n := time.Since(begun), ended.Add(1); took < time.Duration(n)*3*time.Second {
					t.Errorf("run %d ended after %v", n, took)
				}
			})
		}
		all.Wait()
		if took := time.Since(begun); took > 12*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// A run that waits long is parked, and finally fails.
func TestLockIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := lockedRun(t, "20s")
		key := "flow/1/lock/k"
		taken := flows.Change{Key: key, Value: []byte(`"other"`)}
		if _, err := r.memory.Swap(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
		begun, attempts := time.Now(), 1
		_, err := r.attempt(1)
		for ; errors.As(err, new(*flows.Parked)); attempts++ {
			time.Sleep(lockParkedFor)
			_, err = r.attempt(1)
		}
		if took := time.Since(begun); took < 20*time.Second || took > 30*time.Second || attempts < 2 {
			t.Errorf("gave up after %v and %d attempts", took, attempts)
		}
		r.fails(1, flows.CodeStepFailed, "taken by another run for longer than 20s")
		if _, err := r.memory.Swap(t.Context(), flows.Change{Key: key}); err != nil {
			t.Fatal(err)
		}
		r.done(1, "[1]")
		newDurableRun(t, "  - lock: {key: k, wait: 0s, steps: [{probe: }]}\n").done(1, "[1]")
	})
}

// A held lock is renewed; when another run has taken it, the nested steps are stopped.
func TestLockIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - lock: {key: k, wait: 0s, steps: [{delay: 40s}]}\n")
		r.env.Parks = false
		key := "flow/1/lock/k"
		time.AfterFunc(30*time.Second, func() {
			if v, _ := r.memory.Load(context.Background(), key); v == nil {
				t.Error("the lock was not renewed")
			}
		})
		r.done(1, "[1]")
		if v, _ := r.memory.Load(t.Context(), key); v != nil {
			t.Errorf("the lock is still held: %s", v)
		}
		time.AfterFunc(3*time.Second, func() {
			_, _ = r.memory.Swap(context.Background(), flows.Change{Key: key, Value: []byte(`"thief"`)})
		})
		r.results = map[string]string{}
		r.fails(1, flows.CodeStepFailed, "the lock was lost")
		if v, _ := r.memory.Load(t.Context(), key); string(v) != `"thief"` {
			t.Errorf("another run's lock was given up: %s", v)
		}
	})
}

// A parked run keeps its lock, and the same run enters it again. The end of the run releases the lock, the loss of
// its worker does not.
func TestLockOfAParkedRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newDurableRun(t, "  - lock: {key: k, wait: 0s, steps: [{delay: 1h}]}\n")
		r.parked(1)
		time.Sleep(50 * time.Minute)
		if _, err := r.flow.Execute(t.Context(), flows.Run{ID: "other"}, flows.Env{State: r.memory}); err == nil {
			t.Error("another run has entered")
		}
		time.Sleep(10 * time.Minute)
		r.done(1, "[1]")

		r.env.Journal = nil
		held := func() bool { v, _ := r.memory.Load(context.Background(), "flow/1/lock/k"); return v != nil }
		flow := r.parse("flow: 1\nsteps: [{lock: {key: k, steps: [{delay: 5s}]}}]\n")
		for cause, kept := range map[error]bool{context.Canceled: false, errors.New("draining"): true} {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(cause) })
			if _, err := flow.Execute(ctx, flows.Run{ID: "r" + cause.Error()}, r.env); err == nil || held() != kept {
				t.Errorf("%v: %v, held %v", cause, err, held())
			}
			time.Sleep(time.Minute)
		}
		if _, err := flow.Execute(t.Context(), flows.Run{ID: "late", Deadline: time.Now().Add(time.Second)}, r.env); err == nil || held() {
			t.Errorf("%v, held %v", err, held())
		}
	})
}

func TestStateThatIsAway(t *testing.T) {
	t.Parallel()
	for _, step := range []string{
		"state: {get: a}", "state: {set: a, to: 1}", "state: {increment: a}", "dedupe: a", "loop_guard: {key: a, way: b}",
		"lock: {key: a, steps: [{filter: .}]}", "limit: {key: a, rate: 1}",
	} {
		r := newDurableRun(t, "  - "+step+"\n")
		r.env.State, r.env.Pace = away{}, away{}
		r.fails(1, flows.CodeStepFailed, "the state cannot be reached")
		r = newDurableRun(t, "  - "+step+"\n")
		r.env.State, r.env.Pace = nil, nil
		r.fails(1, flows.CodeStepFailed, "here")
	}
}

type away struct{}

var errAway = errors.New("away")

func (away) Load(context.Context, string) ([]byte, error) { return nil, errAway }
func (away) Swap(context.Context, flows.Change) (flows.Swapped, error) {
	return flows.Swapped{}, errAway
}
func (away) Add(context.Context, flows.Addition) (int64, error) { return 0, errAway }
func (away) Take(context.Context, string, flows.Rate, time.Duration) (time.Duration, bool, error) {
	return 0, false, errAway
}

//go:build faults

package faults

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// A worker is stopped for much longer than its lease while it waits for the
// answer to an effect. Another one finishes the run. Continued, the first one
// writes nothing (I6).
func TestStoppedWorkerWritesNothingStale(t *testing.T) {
	t.Parallel()
	pause := time.Duration(pick(8, 60)) * time.Second
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	redis := server.Client()
	s := newSink(t)
	f := newFleet(t, server.URL(), 1, 1)
	c := newCaller(t, f, s)
	release := s.holdBack("two")
	answered := make(chan *call)
	const runs = 20
	for i := range runs {
		go func() { answered <- c.do(context.Background(), &call{flow: "puts", n: i}) }()
	}
	for range runs {
		<-s.reached // the first worker has begun the second effect
	}
	first, stale := f.worker(0), anyWorker(records(t, redis))
	first.Signal(syscall.SIGSTOP)
	stopped := time.Now()
	f.workers = append(f.workers, f.spawn("worker", "second worker"))
	for range runs {
		<-s.reached // the second worker does the same
	}
	took := time.Since(stopped)
	release()
	for range runs {
		call := <-answered
		call.want(t, call.n+3)
	}
	before, effects := records(t, redis), s.count()
	<-time.After(pause - time.Since(stopped))
	first.Signal(syscall.SIGCONT)
	// It finds the answers, tries to record them, and sees that the runs are
	// not its own: one line in its log for each.
	eventually(t, 30*time.Second, "the continued worker lets go of its runs", func() bool {
		return strings.Count(first.Log(), `"msg":"run"`) >= runs
	})
	after := records(t, redis)
	for id, r := range before {
		if *after[id] != *r {
			t.Errorf("I6: run %s was %+v and is %+v", id, *r, *after[id])
		}
		if r.fence != 2 || r.crashes != 1 || r.worker == stale {
			t.Errorf("run %s ended with attempt %d, %d crashes, by %s", id, r.fence, r.crashes, r.worker)
		}
	}
	if n := s.count(); n != effects {
		t.Errorf("I6: the continued worker did %d effects", n-effects)
	}
	// It is a worker like any other again.
	f.worker(1).Kill()
	c.do(context.Background(), &call{flow: "puts", n: 99}).want(t, 102)
	checkAll(t, redis, c.history, s)
	t.Logf("stopped for %v; after %v another worker had all %d runs", pause, took.Round(10*time.Millisecond), runs)
}

// The same while the other worker is still at it: the continued one neither
// records its answers nor goes on to the next effect.
func TestStoppedWorkerDoesNotGoOn(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	redis := server.Client()
	s := newSink(t)
	f := newFleet(t, server.URL(), 1, 1)
	c := newCaller(t, f, s)
	releaseTwo, releaseThree := s.holdBack("two"), s.holdBack("three")
	answered := make(chan *call)
	const runs = 20
	for i := range runs {
		go func() { answered <- c.do(context.Background(), &call{flow: "puts", n: i}) }()
	}
	for range runs {
		<-s.reached // the first worker is at the second effect
	}
	first := f.worker(0)
	first.Signal(syscall.SIGSTOP)
	f.workers = append(f.workers, f.spawn("worker", "second worker"))
	for range runs {
		<-s.reached // the second worker is at the second effect
	}
	releaseTwo()
	for range runs {
		<-s.reached // and at the third
	}
	before, effects := records(t, redis), s.count()
	first.Signal(syscall.SIGCONT)
	eventually(t, 30*time.Second, "the continued worker lets go of its runs", func() bool {
		return strings.Count(first.Log(), `"msg":"run"`) >= runs
	})
	for id, r := range records(t, redis) {
		if *before[id] != *r {
			t.Errorf("I6: run %s was %+v and is %+v", id, *before[id], *r)
		}
	}
	if n := s.count(); n != effects {
		t.Errorf("I6: the continued worker did %d effects", n-effects)
	}
	releaseThree()
	for range runs {
		call := <-answered
		call.want(t, call.n+3)
	}
	checkAll(t, redis, c.history, s)
}

// The only worker is stopped for longer than its lease, and continued: the run
// is still its own and goes on, and the stop is no crash.
func TestStoppedOnlyWorkerGoesOn(t *testing.T) {
	t.Parallel()
	pause := time.Duration(pick(8, 45)) * time.Second // 30 s is asynq's lease
	server := testenv.Redis(t)
	s := newSink(t)
	f := newFleet(t, server.URL(), 1, 1)
	c := newCaller(t, f, s)
	release := s.holdBack("two")
	answered := make(chan *call)
	go func() { answered <- c.do(context.Background(), &call{flow: "posts", n: 1}) }()
	<-s.reached
	f.worker(0).Signal(syscall.SIGSTOP)
	release()
	<-time.After(pause)
	f.worker(0).Signal(syscall.SIGCONT)
	(<-answered).want(t, 4)
	for id, r := range records(t, server.Client()) {
		if r.fence != 1 || r.crashes != 0 {
			t.Errorf("run %s: attempt %d, %d crashes", id, r.fence, r.crashes)
		}
	}
	checkAll(t, server.Client(), c.history, s)
}

// anyWorker is the worker of some run.
func anyWorker(runs map[string]*record) string {
	for _, r := range runs {
		return r.worker
	}
	return ""
}

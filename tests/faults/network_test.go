//go:build faults

package faults

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/queue"
)

// Every connection to Redis is reset again and again, at random. Effects that
// must happen once are in the runs: a connection lost is not a worker lost.
func TestConnectionsAreReset(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.sink.slow(30 * time.Millisecond)
	random, cuts := chance(t.Name()), 0
	slowest := w.during("posts", 40, 10, func(stop <-chan struct{}) {
		for {
			select {
			case <-stop:
				return
			case <-time.After(between(random, 10*time.Millisecond, 300*time.Millisecond)):
				w.proxy.Cut()
				cuts++
			}
		}
	})
	w.check()
	t.Logf("%d cuts; the slowest caller waited %v", cuts, slowest)
}

// The answer of each script is lost many times after it took effect.
func TestAnswersOfScriptsAreLost(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	var hashes []string
	for _, hash := range queue.ScriptHashes() {
		hashes = append(hashes, hash)
	}
	slices.Sort(hashes) // the same schedule for the same seed
	random := chance(t.Name())
	slowest := w.during("posts", 20, 30, func(stop <-chan struct{}) {
		// A quarter of the scripts at a time: who repeats a call may be unlucky
		// again, but not for ever.
		var soon []string
		for {
			select {
			case <-stop:
				return
			case <-time.After(between(random, time.Millisecond, 10*time.Millisecond)):
				soon = append(soon, hashes[random.IntN(len(hashes))])
				soon = soon[max(0, len(soon)-len(hashes)/4):]
				w.proxy.LoseAnswers(soon...)
			}
		}
	})
	w.check()
	t.Logf("%d answers were lost; the slowest caller waited %v", w.proxy.Lost(), slowest)
	if w.proxy.Lost() < 20 {
		t.Errorf("only %d answers were lost", w.proxy.Lost())
	}
}

// Redis is slow to answer: everything is slow and right.
func TestRedisIsFarAway(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.proxy.Delay(100 * time.Millisecond)
	slowest := w.during("posts", 20, 2, func(stop <-chan struct{}) { <-stop })
	w.proxy.Delay(0)
	w.check()
	t.Logf("with 200 ms to Redis and back the slowest caller waited %v", slowest)
}

// Redis cannot be reached for longer than any lease, asynq's of 30 s among
// them. Whoever waits gets the answer afterwards; who comes meanwhile is told.
func TestRedisIsAway(t *testing.T) {
	t.Parallel()
	away := 35 * time.Second
	w := newWire(t)
	release := w.sink.holdBack("two")
	answered := make(chan *call)
	const runs = 20
	for i := range runs {
		go func() { answered <- w.caller.do(context.Background(), &call{flow: "posts", n: i}) }()
	}
	for range runs {
		<-w.sink.reached
	}
	w.proxy.Refuse(true)
	gone := time.Now()
	release()
	refused := w.caller.do(context.Background(), &call{flow: "pure", n: 1})
	if last := refused.last(); last.status != http.StatusServiceUnavailable || last.took > 10*time.Second {
		t.Errorf("without Redis a caller got %d after %v, %v; want 503", last.status, last.took, last.err)
	}
	if status := readiness(t, w.fleet.api(0)); status != http.StatusServiceUnavailable {
		t.Errorf("without Redis /readyz says %d, want 503", status)
	}
	<-time.After(away - time.Since(gone))
	w.proxy.Refuse(false)
	back := time.Now()
	for range runs {
		call := <-answered
		call.want(t, call.n+3)
	}
	t.Logf("Redis was away for %v; %v later all %d waiters had their answers", away, time.Since(back).Round(10*time.Millisecond), runs)
	if time.Since(back) > 8*time.Second {
		t.Errorf("it took %v to recover", time.Since(back))
	}
	eventually(t, 5*time.Second, "the door is ready again", func() bool { return readiness(t, w.fleet.api(0)) == http.StatusOK })
	w.check()
}

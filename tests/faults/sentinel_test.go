//go:build faults

package faults

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// A master under load dies, and Sentinel makes the replica the master. Redis
// replicates after it has answered: what it had not sent is lost, and counted
// here. Callers with a key ask again and get their output in any case.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*testenv.Sentinels){
		"killed": func(s *testenv.Sentinels) { s.Master.Kill() },
		// It hangs, and answers what it was sent before it learns that it is
		// no master any more: those answers are lies.
		"hung": func(s *testenv.Sentinels) {
			_ = syscall.Kill(s.Master.Pid(), syscall.SIGSTOP)
			time.AfterFunc(6*time.Second, func() { _ = syscall.Kill(s.Master.Pid(), syscall.SIGCONT) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sentinels := testenv.Sentinel(t, time.Second, "--appendonly", "yes", "--appendfsync", "always")
			failover(t, sentinels.URL(), func() *redis.Client {
				fail(sentinels)
				return sentinels.Replica.Client()
			})
		})
	}
}

// failover puts load on a Redis whose primary fails, and counts what was lost.
// fail returns the replica that takes its place.
func failover(t *testing.T, url string, fail func() *redis.Client) {
	t.Helper()
	s := newSink(t)
	s.slow(50 * time.Millisecond)
	c := newCaller(t, newFleet(t, url, 2, 2), s)
	ctx, stop := context.WithCancel(context.Background())
	var load sync.WaitGroup
	var next atomic.Int64
	for range callers / 2 {
		load.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1))
				c.do(context.Background(), &call{flow: "puts", n: n, key: fmt.Sprint("call-", n)})
			}
		})
	}
	eventually(t, 30*time.Second, "200 calls have been answered", func() bool { return len(c.history.all()) >= 200 })
	failed := time.Now()
	after := fail()
	eventually(t, 30*time.Second, "the replica is the master", func() bool {
		role, err := after.Do(context.Background(), "role").Slice()
		return err == nil && role[0] == "master"
	})
	promoted := time.Since(failed)
	done := len(c.history.all())
	eventually(t, 60*time.Second, "200 more calls have been answered", func() bool { return len(c.history.all()) >= done+200 })
	stop()
	load.Wait()
	checkNothingLeft(t, after)
	checkAnsweredInTime(t, c.history)
	runs := records(t, after)
	checkEnded(t, runs)
	lost, untold, slowest := 0, 0, time.Duration(0)
	for _, call := range c.history.all() {
		call.want(t, call.n+3)
		if last := call.last(); last.status == http.StatusOK && runs[last.run] == nil {
			lost++
		}
		var whole time.Duration
		for _, try := range call.tries {
			whole += try.took
			if try.status != http.StatusOK && try.run != "" && runs[try.run] == nil {
				untold++
			}
		}
		slowest = max(slowest, whole)
	}
	if untold == 0 && slowest > 30*time.Second {
		t.Errorf("no run was lost, and a caller waited %v", slowest)
	}
	twice := repeated(s)
	t.Logf("the replica was the master after %v; of %d calls, all answered with their output (the slowest after %v), %d runs that were answered are not on the new master, %d that were accepted are not and were asked for again; %d of %d effects were done again",
		promoted.Round(10*time.Millisecond), len(c.history.all()), slowest.Round(10*time.Millisecond), lost, untold, twice, s.count())
}

// repeated is how many effects were done more than once.
func repeated(s *sink) (n int) {
	done := map[string]int{}
	for _, e := range s.seen() {
		if done[e.key]++; done[e.key] == 2 {
			n++
		}
	}
	return n
}

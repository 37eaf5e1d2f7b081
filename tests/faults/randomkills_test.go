//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

const (
	// Between two kills of anything, and of workers: three in one run would
	// end it, as they should.
	killAfter, killBefore = 500 * time.Millisecond, 2500 * time.Millisecond
	workerEvery           = 3 * time.Second
)

// slaughter kills and replaces what it may, at random, until it is stopped.
type slaughter struct {
	fleet  *fleet
	redis  *testenv.RedisServer
	random *rand.Rand
	killed map[string]int // by role
}

func (s *slaughter) run(stop <-chan struct{}) {
	lastWorker := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-time.After(between(s.random, killAfter, killBefore)):
		}
		switch what := s.random.IntN(5); {
		case what == 0:
			s.killed["redis"]++
			s.redis.Kill()
			<-time.After(between(s.random, 0, 2*time.Second))
			s.redis.Restart()
		case what <= 2 || time.Since(lastWorker) < workerEvery:
			s.killed["api"]++
			i := s.random.IntN(2)
			s.fleet.api(i).Kill()
			s.fleet.replaceAPI(i)
		default:
			s.killed["worker"]++
			lastWorker = time.Now()
			i := s.random.IntN(2)
			s.fleet.worker(i).Kill()
			<-time.After(between(s.random, 0, time.Second))
			s.fleet.replaceWorker(i)
		}
	}
}

// Workers, apis and Redis are killed at random under load. Callers ask again
// with their key while they do not know; every one of them gets its output.
func TestRandomKills(t *testing.T) {
	runs := pick(2_000, 10_000)
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	s := newSink(t)
	s.slow(200 * time.Millisecond) // so that kills hit many of the runs
	f := newFleet(t, server.URL(), 2, 2)
	c := newCaller(t, f, s)
	told := newEndings(t, server.Client())

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var next atomic.Int64
	var load sync.WaitGroup
	for range callers {
		load.Go(func() {
			for n := int(next.Add(1)); n <= runs && ctx.Err() == nil; n = int(next.Add(1)) {
				c.do(ctx, &call{flow: "puts", n: n, key: fmt.Sprintf("call-%d", n)})
			}
		})
	}
	stop, begun := make(chan struct{}), time.Now()
	go func() { load.Wait(); close(stop) }()
	chaos := &slaughter{fleet: f, redis: server, random: chance(t.Name()), killed: map[string]int{}}
	chaos.run(stop)
	took := time.Since(begun)

	outcomes, tries := map[string]int{}, 0
	for _, call := range c.history.all() {
		tries += len(call.tries)
		last := call.last()
		if last.code == "crashed" { // three workers died under it, as it may be
			outcomes["crashed"]++
			continue
		}
		outcomes[http.StatusText(last.status)]++
		call.want(t, call.n+3)
	}
	checkAll(t, server.Client(), c.history, s)
	checkEndedOnce(t, told)
	crashes := 0
	for _, r := range records(t, server.Client()) {
		crashes += r.crashes
	}
	t.Logf("%d calls in %v, %d requests, %v; killed %v; %d effects, %d attempts lost with their workers",
		runs, took.Round(time.Second), tries, outcomes, chaos.killed, s.count(), crashes)
}

//go:build faults

package faults

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// A worker is stopped with runs that are put back while no other worker has
// room for them. Continued, it ends the attempts that are not its own any more, claims the
// next ones, and is killed. No run falls out of sight: every one ends (I1, I2).
func TestRunsThatAreOvertakenTwice(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always")
	redis := server.Client()
	s := newSink(t)
	f := newFleet(t, server.URL(), 1, 0)
	c := newCaller(t, f, s)
	releaseBusy, releaseAgain := s.holdBack("held"), s.holdBack("again")
	f.workers = append(f.workers, f.spawn("worker", "busy worker", "--concurrency", "1"))
	const runs = 10
	answered := make(chan *call, runs+1)
	begin := func(n int) {
		go func() { answered <- c.do(context.Background(), &call{flow: "overtaken", n: n}) }()
	}
	begin(-1)
	<-s.reached // the only slot of the busy worker is taken
	f.workers = append(f.workers, f.spawn("worker", "stopped worker", "--concurrency", "10"))
	for i := range runs {
		begin(i)
	}
	in := func(state string) (n int) {
		for _, r := range records(t, redis) {
			if r.state == state {
				n++
			}
		}
		return n
	}
	eventually(t, 10*time.Second, "the runs execute", func() bool { return in("running") == runs+1 })
	stopped := f.worker(1)
	stopped.Signal(syscall.SIGSTOP)
	eventually(t, 20*time.Second, "the runs are put back", func() bool { return in("queued") == runs })
	stopped.Signal(syscall.SIGCONT)
	for range runs {
		<-s.reached // its second attempt of the run
	}
	stopped.Kill()
	releaseBusy()
	releaseAgain()
	for range runs + 1 {
		call := <-answered
		call.want(t, call.n)
	}
	for id, r := range records(t, redis) {
		if r.fence != 1 && (r.fence != 3 || r.crashes != 2) {
			t.Errorf("run %s ended with attempt %d after %d crashes, want the third after two", id, r.fence, r.crashes)
		}
	}
	checkAll(t, redis, c.history, s)
}

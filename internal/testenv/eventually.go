package testenv

import (
	"testing"
	"time"
)

const (
	patience = time.Minute // also on a machine that is busy with other tests
	again    = 5 * time.Millisecond
)

// Eventually asks what is missing until nothing is: "". It fails the test with the last
// answer when that takes a minute, which is a fault: nothing that it is for does.
func Eventually(t testing.TB, missing func() string) {
	t.Helper()
	tick, limit := time.NewTicker(again), time.NewTimer(patience)
	defer tick.Stop()
	defer limit.Stop()
	for {
		what := missing()
		if what == "" {
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("not reached after %v: %s", patience, what)
		}
	}
}

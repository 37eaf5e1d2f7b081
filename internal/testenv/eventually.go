package testenv

import (
	"testing"
	"time"
)

const (
	eventuallyTimeout = time.Minute // also on a machine that is busy with other tests
	pollInterval      = 5 * time.Millisecond
)

// Eventually calls missing until it returns "". After a minute it fails the test with the last result; nothing that
// it is used for takes that long.
func Eventually(t testing.TB, missing func() string) {
	t.Helper()
	tick, limit := time.NewTicker(pollInterval), time.NewTimer(eventuallyTimeout)
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
			t.Fatalf("not reached after %v: %s", eventuallyTimeout, what)
		}
	}
}

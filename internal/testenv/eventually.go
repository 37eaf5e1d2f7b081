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
// it is used for takes that long. It is for states of other processes, which send no signal: a test of this process
// uses Receive or testing/synctest.
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

// Until is Eventually for a condition without details. what describes it in the failure.
func Until(t testing.TB, what string, done func() bool) {
	t.Helper()
	Eventually(t, func() string {
		if done() {
			return ""
		}
		return what
	})
}

// Receive returns the next value from a channel, or the zero value once it is closed. After a minute it fails the
// test; what describes the value.
func Receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	limit := time.NewTimer(eventuallyTimeout)
	defer limit.Stop()
	select {
	case value := <-from:
		return value
	case <-limit.C:
		t.Fatalf("not received after %v: %s", eventuallyTimeout, what)
		panic("unreachable")
	}
}

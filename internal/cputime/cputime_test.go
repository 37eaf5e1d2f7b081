package cputime

import (
	"runtime"
	"testing"
	"time"
)

func TestSince(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	at := func(elapsed time.Duration, thread int, cpu time.Duration) Reading {
		return Reading{Wall: begun.Add(elapsed), Thread: thread, CPU: cpu}
	}
	for name, test := range map[string]struct {
		earlier, later Reading
		want           time.Duration
	}{
		"computing and waiting":   {at(0, 1, time.Hour), at(time.Second, 1, time.Hour+time.Millisecond), time.Millisecond},
		"moved":                   {at(0, 1, time.Hour), at(time.Second, 2, time.Minute), moved},
		"moved twice":             {at(0, unknownThread, 0), at(time.Second, unknownThread, 0), moved},
		"never back":              {at(0, 1, time.Hour), at(time.Second, 1, time.Minute), 0},
		"moved soon":              {at(0, 1, time.Hour), at(time.Millisecond, 2, time.Minute), time.Millisecond},
		"no clock for threads":    {at(0, 0, 0), at(time.Second, 0, 0), time.Second},
		"the clock begins to run": {at(0, 0, 0), at(time.Second, 1, time.Hour), moved},
	} {
		if got := test.later.Since(test.earlier); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// Time in which a thread does not compute does not count.
func TestWaitingIsNotCounted(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("there is no clock for threads")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := Now()
	ready := make(chan struct{})
	time.AfterFunc(50*time.Millisecond, func() { close(ready) })
	<-ready
	waited := Now()
	if elapsed, computed := waited.Wall.Sub(before.Wall), waited.Since(before); elapsed < 50*time.Millisecond || computed > elapsed/2 {
		t.Errorf("%v of %v count", computed, elapsed)
	}
	for Now().Since(waited) < time.Millisecond { // ends: computing counts
	}
}

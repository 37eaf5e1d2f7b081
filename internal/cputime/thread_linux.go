package cputime

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime returns the calling thread and its processor time (clock_gettime(2)). The goroutine may move between the
// calls, which then belong to two threads.
func threadTime() (thread int, cpu time.Duration) {
	for range 3 {
		var t unix.Timespec
		thread = unix.Gettid()
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
			return 0, 0
		}
		if unix.Gettid() == thread {
			return thread, time.Duration(t.Nano())
		}
	}
	return unknownThread, 0
}

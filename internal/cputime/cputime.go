// Package cputime measures the processor time of a goroutine that may move between threads.
package cputime

import "time"

// Reading is a moment of a goroutine: the time, and how long its thread has computed.
type Reading struct {
	Wall   time.Time
	Thread int           // id; 0: there is no clock for threads, as on systems other than Linux
	CPU    time.Duration // of the thread since its start
}

// unknownThread is the thread of a reading during which the goroutine moved.
const unknownThread = -1

// moved is the longest time that counts when a goroutine has moved to another thread, whose time before is unknown. Go
// lets a goroutine compute for 10 ms before it may move it.
const moved = 10 * time.Millisecond

// Now returns the reading of the calling goroutine.
func Now() Reading {
	thread, cpu := threadTime()
	return Reading{Wall: time.Now(), Thread: thread, CPU: cpu}
}

// Since returns how long a goroutine has computed since an earlier reading. When it moved to another thread in between,
// or that of the earlier one is unknown, it is the elapsed time, of at most 10 ms. Without a clock for threads it is the
// elapsed time.
func (r Reading) Since(earlier Reading) time.Duration {
	elapsed := r.Wall.Sub(earlier.Wall)
	switch {
	case r.Thread == 0:
		return elapsed
	case r.Thread != earlier.Thread, r.Thread == unknownThread:
		return min(elapsed, moved)
	}
	return min(max(r.CPU-earlier.CPU, 0), elapsed)
}

//go:build !linux

package cputime

import "time"

// threadTime returns 0: the thread is unknown.
func threadTime() (thread int, cpu time.Duration) { return 0, 0 }

package app

import (
	"os"
	"runtime/debug"

	"github.com/google/uuid"
)

// gcPercent lets the heap grow to five times what lives before it is
// collected. A run lives for milliseconds and what is kept between runs is
// small, so memory stays low and a fifth of the processor time is saved; GOGC
// and GOMEMLIMIT in the environment win.
const gcPercent = 400

// tune sets what the Go runtime cannot know about this program.
func tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	uuid.EnableRandPool() // ids of runs are names, not secrets; nothing else runs yet
}

package app

import (
	"os"
	"runtime/debug"

	"github.com/google/uuid"
)

// gcPercent lets the heap grow to five times the live objects before a collection. The live heap is small, because runs
// last milliseconds; a higher value than the default saves a fifth of the processor time. GOGC and GOMEMLIMIT in the
// environment win.
const gcPercent = 400

// tuneRuntime sets the garbage collector and the uuid package for this program. It must run before other goroutines
// start.
func tuneRuntime() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	uuid.EnableRandPool() // ids of runs are not secret
}

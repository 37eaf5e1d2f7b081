package script

import (
	"math"

	"golang.org/x/sys/unix"
)

// keepFiles marks all open files except the standard ones as not inherited, including those that this process
// inherited itself. Kernels before 5.11 do not support this; Go marks its own files in any case.
func keepFiles() { _ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) }

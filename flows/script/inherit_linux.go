package script

import (
	"math"

	"golang.org/x/sys/unix"
)

// keepFiles marks every open file of this process, but for the standard ones,
// as not inherited: also those that this process itself inherited. Kernels
// before 5.11 cannot; Go's own files are marked anyhow.
func keepFiles() { _ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) }

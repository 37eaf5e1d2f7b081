package testenv

import "syscall"

// childAttributes ends the child when the test process dies without a chance
// to clean up, as it does on a test's time-out.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

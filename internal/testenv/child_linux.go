package testenv

import "syscall"

// childAttributes ends the child when the test process dies without cleanup, as at a test's timeout.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

//go:build unix

package secretstore

import (
	"os/exec"
	"syscall"
)

// killTogether makes the end of its context kill a command with its children.
func killTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

//go:build unix && !linux

package redischild

import "syscall"

// childAttributes: where a child cannot be made to end with its parent, the inherited lock prevents a second one.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

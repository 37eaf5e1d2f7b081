//go:build unix && !linux

package redischild

import "syscall"

// childAttributes: where a child cannot end with its parent, the lock that it
// inherits keeps a second one away.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

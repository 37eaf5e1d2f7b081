//go:build !linux

package testenv

import "syscall"

// childAttributes has nothing to add outside Linux.
func childAttributes() *syscall.SysProcAttr { return nil }

//go:build !linux

package testenv

import "syscall"

// childAttributes has no attributes outside of Linux.
func childAttributes() *syscall.SysProcAttr { return nil }

//go:build !unix

package secretstore

import "os/exec"

// killTogether does nothing: the end of its context kills the command alone.
func killTogether(*exec.Cmd) {}

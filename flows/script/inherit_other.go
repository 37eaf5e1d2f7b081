//go:build !linux

package script

// keepFiles does nothing: Go's own files are not inherited anyhow.
func keepFiles() {}

//go:build !linux || !(amd64 || arm64)

package script

// restrict does nothing: no mechanism is implemented for this system.
func restrict() error { return nil }

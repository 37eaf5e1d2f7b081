//go:build !unix

package embedded

// lockFile does nothing without flock: the user must ensure that only one server uses a file.
func lockFile(string) (release func(), err error) { return func() {}, nil }

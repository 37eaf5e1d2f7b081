//go:build !unix

package embedded

// lockFile does nothing where there is no flock: keeping to one server per
// file is left to the user.
func lockFile(string) (release func(), err error) { return func() {}, nil }

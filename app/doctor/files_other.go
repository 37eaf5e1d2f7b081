//go:build !unix

package doctor

// Files reports nothing: this system has no such limit.
func (r *Report) Files() {}

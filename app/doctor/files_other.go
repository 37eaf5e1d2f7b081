//go:build !unix

package doctor

// Files finds nothing: this system has no such limit.
func (r *Report) Files() {}

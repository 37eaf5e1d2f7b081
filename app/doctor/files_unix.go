//go:build unix

package doctor

import "syscall"

// leastFiles is the number of open files for an API process with thousands of waiters.
const leastFiles = 4096

// Files checks the maximum number of open files. Go raises the soft limit to the hard one by itself.
func (r *Report) Files() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return
	}
	if limit.Max < leastFiles {
		r.warn("open files", "Raise it: LimitNOFILE= in systemd, ulimits in Docker.", "%d at most here: each waiter needs one", limit.Max)
		return
	}
	r.ok("open files", "%d at most", limit.Max)
}

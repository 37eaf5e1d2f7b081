package budget

import (
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// ourShare is the percentage of a container's memory for this process. The rest is for memory that the Go runtime
// does not count: C libraries of databases, child processes, the kernel.
const ourShare = 85

// Limit returns the number of bytes that this process may use: GOMEMLIMIT, else a share of the container's limit,
// else a share of the machine's memory; 0 when unknown. It also sets the memory limit of the Go runtime to that of
// the container.
func Limit() int64 {
	if set := debug.SetMemoryLimit(-1); set != math.MaxInt64 {
		return set
	}
	if contained := container(os.DirFS("/")); contained > 0 {
		limit := contained / 100 * ourShare
		debug.SetMemoryLimit(limit)
		return limit
	}
	return machine(os.DirFS("/")) / 100 * ourShare
}

// container returns the lowest memory limit of the process's control groups (cgroups(7); memory.max of version 2,
// memory.limit_in_bytes of version 1); 0 when there is none.
func container(root fs.FS) int64 {
	groups, _ := fs.ReadFile(root, "proc/self/cgroup")
	least := int64(math.MaxInt64)
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		switch {
		case fields[1] == "memory":
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case fields[0] != "0":
			continue
		}
		// Inside of a container the path may be the host's; the mounted file is the container's own.
		for dir := path.Join(mount, fields[2]); strings.HasPrefix(dir, mount); dir = path.Dir(dir) {
			if n := number(root, path.Join(dir, file)); n > 0 {
				least = min(least, n)
			}
		}
	}
	const unlimited = 1 << 60 // version 1 reports no limit as a huge number
	if least >= unlimited {
		return 0
	}
	return least
}

// number returns the number in a file; 0 for anything else.
func number(root fs.FS, name string) int64 {
	content, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(content)), 10, 64)
	if err != nil {
		return 0 // "max"
	}
	return n
}

// machine returns the memory of the machine in bytes (proc_meminfo(5)); 0 when unknown.
func machine(root fs.FS) int64 {
	info, _ := fs.ReadFile(root, "proc/meminfo")
	for line := range strings.Lines(string(info)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemTotal:" {
			kibibytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kibibytes << 10
		}
	}
	return 0
}

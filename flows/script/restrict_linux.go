//go:build linux && (amd64 || arm64)

package script

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxFiles is the maximum number of open files of the child: its three standard files and those of the runtime.
const maxFiles = 32

// restrict permanently removes from this process what the evaluation of scripts does not need, so that a
// vulnerability of the engine gives access to neither files, the network nor other processes. Features that the
// kernel lacks are skipped; the error is for those that it has and refuses.
func restrict() error {
	_ = time.Now().Local().String() // loads the time zone while files can be opened
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_CORE:   0, // no core dump with the script's data
		unix.RLIMIT_FSIZE:  0, // no file can grow; pipes have no size
		unix.RLIMIT_NOFILE: maxFiles,
		unix.RLIMIT_DATA:   maxData,
	} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("restrict process: limit %d: %w", resource, err)
		}
	}
	runtime.LockOSThread() // both calls below apply to one thread; TSYNC extends the filter to all
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("restrict process: no new privileges: %w", err)
	}
	filter := syscallFilter()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	runtime.KeepAlive(filter)
	switch errno {
	case 0, syscall.ENOSYS, syscall.EINVAL: // EINVAL: kernel without seccomp filters
		return nil
	}
	return fmt.Errorf("restrict process: seccomp: %w", errno)
}

// Offsets in struct seccomp_data.
const (
	offsetCall = 0
	offsetArch = 4
	offsetArg0 = 16 // its low half: both architectures are little-endian
)

// syscallFilter returns the BPF program that allows the calls in allowed, signals to this process, and new threads.
// Other calls return EPERM. A call number of another architecture kills the process.
func syscallFilter() []unix.SockFilter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		has   = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		jump  = unix.BPF_JMP | unix.BPF_JA
		ret   = unix.BPF_RET | unix.BPF_K
	)
	n := len(allowed)
	filter := []unix.SockFilter{
		{Code: load, K: offsetArch},
		{Code: equal, K: auditArch, Jt: 1},
		{Code: ret, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: load, K: offsetCall},
		{Code: equal, K: unix.SYS_CLONE3, Jf: 1}, // its flags are in memory: the C library then falls back to clone
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		// The list of n is followed by: a jump to EPERM, two instructions for tgkill's process, two for clone's
		// flags, EPERM, ALLOW.
		{Code: equal, K: unix.SYS_CLONE, Jt: uint8(n + 4)},
		{Code: equal, K: unix.SYS_TGKILL, Jt: uint8(n + 1)},
	}
	for i, call := range allowed {
		filter = append(filter, unix.SockFilter{Code: equal, K: call, Jt: uint8(n + 6 - i - 1)})
	}
	return append(filter,
		unix.SockFilter{Code: jump, K: 4}, // not in the list
		unix.SockFilter{Code: load, K: offsetArg0},
		unix.SockFilter{Code: equal, K: uint32(os.Getpid()), Jt: 3, Jf: 2},
		unix.SockFilter{Code: load, K: offsetArg0},
		unix.SockFilter{Code: has, K: unix.CLONE_THREAD, Jt: 1},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	)
}

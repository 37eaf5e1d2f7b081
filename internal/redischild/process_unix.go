//go:build unix

package redischild

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// lockDir locks the directory for this process and its child: two redis-servers on one directory would destroy the
// data.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := io.ReadAll(io.LimitReader(f, 20))
		err = fmt.Errorf("%s is in use by the redis-server with process id %s, of another penstock or one that was killed: stop that first (kill %[2]s)", dir, strings.TrimSpace(string(pid)))
	}
	return nil, errors.Join(err, f.Close())
}

func writePid(lock *os.File, pid int) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt(fmt.Appendln(nil, pid), 0)
	return err
}

// startWithParent starts the child and calls ended after its end. Ctrl-C in a terminal does not reach the child,
// because this process stops it after its users have ended.
func startWithParent(cmd *exec.Cmd, ended func(error)) error {
	cmd.SysProcAttr = childAttributes()
	started := make(chan error, 1) // one value, read below
	go func() {
		runtime.LockOSThread() // never unlocked: on Linux the child ends with the thread that started it
		err := cmd.Start()
		started <- err
		if err == nil {
			ended(cmd.Wait())
		}
	}()
	return <-started
}

package testenv

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Child is a child process of the test. It ends with the test at the latest.
type Child struct {
	Name string

	cmd  *exec.Cmd     // closed after its end
	log  output        // of Wait; valid after done is closed
	done chan struct{} // closed when it has ended
	err  error         // of Wait; read after done
}

// Start starts a program. Its environment is PATH and env only. Its output is shown when the test fails.
func Start(t testing.TB, name, path string, env []string, args ...string) *Child {
	t.Helper()
	c := &Child{Name: name, done: make(chan struct{})}
	c.cmd = exec.Command(path, args...)
	c.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	c.cmd.SysProcAttr = childAttributes()
	if err := c.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("the last that %s said:\n%s", name, tail(c.Log(), 40))
		}
	})
	return c
}

// Pid returns the process id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Log returns the output of the process so far.
func (c *Child) Log() string { return c.log.String() }

// Ended returns a channel that is closed after the end of the process.
func (c *Child) Ended() <-chan struct{} { return c.done }

// Signal sends a signal. It has no effect after the end of the process.
func (c *Child) Signal(s syscall.Signal) { _ = c.cmd.Process.Signal(s) }

// Kill ends the process as kill -9 does, and waits for its end.
func (c *Child) Kill() {
	_ = c.cmd.Process.Kill()
	<-c.done
}

// Stop sends SIGTERM and returns the error of Wait. After the limit it kills the process.
func (c *Child) Stop(limit time.Duration) error {
	c.Signal(syscall.SIGTERM)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.done:
		return c.err
	case <-timer.C:
		c.Kill()
		return errors.New("it did not end in time")
	}
}

// output collects the output of a process.
type output struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

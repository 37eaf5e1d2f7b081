package script

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"
)

const (
	// startLimit is the maximum time for a child to become ready.
	startLimit = 10 * time.Second
	// maxServed is the number of scripts after which a child is replaced, to limit leaks of the engine.
	maxServed = 1000
)

// child is a process that evaluates one script at a time. It is used by one goroutine at a time.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.Reader
	served int
}

func startChild(ctx context.Context, command []string) (*child, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = []string{"TZ=UTC"} // nothing of this process
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start script process: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start script process: %w", err)
	}
	keepFiles()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start script process: %w", err)
	}
	c := &child{cmd: cmd, in: in, out: out}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	defer context.AfterFunc(limited, c.kill)()
	if _, err := readFrame(out); err != nil {
		c.end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("start script process: it is not ready: %w", err)
	}
	return c, nil
}

// exchange sends a script and waits for its response. The end of ctx kills the child.
func (c *child) exchange(ctx context.Context, request []byte) ([]byte, error) {
	c.served++
	defer context.AfterFunc(ctx, c.kill)()
	if err := writeFrame(c.in, request); err != nil {
		return nil, err
	}
	response, err := readFrame(c.out)
	if err != nil {
		return nil, err
	}
	return response, ctx.Err() // killed just now: the child cannot be reused
}

func (c *child) kill() { _ = c.cmd.Process.Kill() }

// end kills the child and waits for its end.
func (c *child) end() {
	c.kill()
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

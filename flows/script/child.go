package script

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"
)

const (
	// startLimit bounds how long a child may take until it is ready.
	startLimit = 10 * time.Second
	// maxServed is how many scripts a child evaluates before another one
	// takes its place, so that what an engine leaks is given back.
	maxServed = 1000
)

// child is a process that evaluates one script at a time. One goroutine uses
// it at a time.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.Reader
	served int
}

func startChild(ctx context.Context, command []string) (*child, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = []string{} // nothing of ours
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

// exchange sends a script and waits for its answer. The end of the context
// kills the child.
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
	return response, ctx.Err() // killed just now: it cannot be used again
}

func (c *child) kill() { _ = c.cmd.Process.Kill() }

// end kills the child and waits for its end. It has nothing to finish.
func (c *child) end() {
	c.kill()
	_ = c.in.Close()
	_ = c.cmd.Wait()
}

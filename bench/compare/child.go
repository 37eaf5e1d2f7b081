package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// child is a process of the comparison: Redis, or this program in a role.
type child struct {
	cmd  *exec.Cmd
	addr string // listening address; empty: none
	in   io.Closer
	dir  string // removed after the process
}

const (
	roleVariable     = "PENSTOCK_COMPARE_ROLE"
	redisVariable    = "PENSTOCK_COMPARE_REDIS"
	slotsVariable    = "PENSTOCK_COMPARE_SLOTS"
	workloadVariable = "PENSTOCK_COMPARE_WORKLOAD"
	targetVariable   = "PENSTOCK_COMPARE_TARGET"
	readyLine        = "ready "
)

// startRole starts this program in a role and waits until it is ready. The child ends when its standard input is
// closed, so that it cannot outlive this process.
func (b *bench) startRole(role string, db int) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, redisVariable+"="+b.redisURL(db), slotsVariable+"="+strconv.Itoa(b.cfg.Slots),
		workloadVariable+"="+b.workload.name, targetVariable+"="+b.target)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	c := &child{cmd: cmd, in: in}
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ready := strings.CutPrefix(strings.TrimSpace(line)+" ", readyLine)
	if err != nil || !ready {
		c.stop()
		return nil, fmt.Errorf("start %s: it said %q", role, line)
	}
	c.addr = strings.TrimSpace(addr)
	return c, nil
}

// serving reports the readiness of a role to the parent, and waits until the parent closes standard input.
func serving(addr string) {
	fmt.Println(readyLine + addr)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startRedis starts a redis-server with an append-only file in a new directory.
func startRedis(ctx context.Context, fsync string) (*child, error) {
	dir, err := os.MkdirTemp("", "penstock-compare-")
	if err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	addr := listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0", "--logfile", filepath.Join(dir, "log"))
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start redis-server: %w", err)
	}
	c := &child{cmd: cmd, addr: addr, dir: dir}
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	for range 100 {
		if err = client.Ping(ctx).Err(); err == nil {
			return c, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.stop()
	return nil, fmt.Errorf("start redis-server: %w", err)
}

// stop ends the process gracefully and waits for its end.
func (c *child) stop() {
	if c == nil {
		return
	}
	if c.in != nil {
		_ = c.in.Close()
	} else {
		_ = c.cmd.Process.Signal(os.Interrupt)
	}
	late := time.AfterFunc(10*time.Second, func() { _ = c.cmd.Process.Kill() })
	_ = c.cmd.Wait()
	late.Stop()
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}

// kill kills the process and waits for its end.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	_ = c.in.Close()
}

// ticksPerSecond is the unit of /proc/pid/stat on Linux.
const ticksPerSecond = 100

// cpuOf returns the processor time of a process.
func cpuOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	// The name of the command, in parentheses, may contain spaces; user and system time are fields 14 and 15 of the
	// line.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, errors.New("read processor time: stat is short")
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(err1, err2)
}

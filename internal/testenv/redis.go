// Package testenv starts the servers that tests need: Redis, databases, proxies. Each ends with its test.
package testenv

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// startLimit is the maximum time for a redis-server to answer.
const startLimit = 10 * time.Second

// RedisServer is a redis-server of the test.
type RedisServer struct {
	Addr string // host:port on loopback
	Dir  string // its working directory, removed with the test

	t    testing.TB
	args []string
	port string

	mu   sync.Mutex // guards proc and log
	proc *exec.Cmd
	log  bytes.Buffer
}

// Redis starts a redis-server on a free loopback port and waits until it answers. It saves nothing to disk unless
// args say so. It ends with the test. args are command line arguments: "--appendonly", "yes".
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	s := &RedisServer{t: t, Dir: t.TempDir(), args: args}
	t.Cleanup(s.Kill)
	// The port may be taken between its choice and its use: try again.
	for range 5 {
		s.port = freePort(t)
		s.Addr = net.JoinHostPort("127.0.0.1", s.port)
		if s.start() {
			return s
		}
	}
	t.Fatalf("start redis-server: no free port found; last output:\n%s", s.log.String())
	return nil
}

// Options returns the options for a client. The caller may modify the returned value.
func (s *RedisServer) Options() *redis.Options { return &redis.Options{Addr: s.Addr} }

// URL returns the address in the form of the product's settings.
func (s *RedisServer) URL() string { return "redis://" + s.Addr }

// Client returns a client that is closed with the test.
func (s *RedisServer) Client() *redis.Client {
	client := redis.NewClient(s.Options())
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Pid returns the process id of the running server.
func (s *RedisServer) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc.Process.Pid
}

// Kill ends the server as kill -9 does and waits for its end. It has no effect on a dead server.
func (s *RedisServer) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return
	}
	_ = s.proc.Process.Kill()
	_ = s.proc.Wait()
	s.proc = nil
}

// Restart starts a killed server again on the same port and directory.
func (s *RedisServer) Restart() {
	s.t.Helper()
	if !s.start() {
		s.t.Fatalf("restart redis-server on port %s:\n%s", s.port, s.log.String())
	}
}

// start reports whether the server started. It returns false when the port is taken; all other errors fail the test.
func (s *RedisServer) start() bool {
	s.t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("redis-server is not installed: ./test installs it, or use the package redis-server of your system")
	}
	args := []string{
		"--port", s.port, "--bind", "127.0.0.1", "--dir", s.Dir, "--save", "", "--appendonly", "no",
		"--daemonize", "no", "--pidfile", filepath.Join(s.Dir, "redis.pid"),
	}
	cmd := exec.Command(path, append(args, s.args...)...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start redis-server: %v", err)
	}
	s.mu.Lock()
	s.proc = cmd
	s.mu.Unlock()
	if err := s.answers(cmd.Process.Pid); err != nil {
		s.Kill()
		return false
	}
	return true
}

// answers waits until the child itself answers, because another process may have taken the port.
func (s *RedisServer) answers(pid int) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for {
		info, err := serverInfo(ctx, s.Addr)
		if err == nil && info["Server"]["process_id"] == strconv.Itoa(pid) && info["Persistence"]["loading"] == "0" {
			return nil
		}
		if err == nil && info["Server"]["process_id"] != strconv.Itoa(pid) {
			return fmt.Errorf("port %s belongs to another server", s.port)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// serverInfo uses a new connection, because a pool logs each refused one.
func serverInfo(ctx context.Context, addr string) (map[string]map[string]string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	_ = conn.Close()
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	defer client.Close()
	return client.InfoMap(ctx, "server", "persistence").Result()
}

// given are the ports that freePort has returned in this process.
var given sync.Map

// freePort returns a free port that no other server of this process has had: a test that kills a server must not meet
// that of another test at its address.
func freePort(t testing.TB) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("find a free port: %v", err)
		}
		_ = l.Close() // it has accepted nothing
		port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		if _, taken := given.LoadOrStore(port, true); !taken {
			return port
		}
	}
}

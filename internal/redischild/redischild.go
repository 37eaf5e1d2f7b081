// Package redischild runs this machine's redis-server as a child process, with settings that lose no data, for an
// installation of one process.
package redischild

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Config configures a Server.
type Config struct {
	// Dir contains the data, the lock and the socket. Required; it is created if missing, accessible to this user
	// only.
	Dir string
	// Command is the redis-server to start. Empty: the one on PATH, else valkey-server.
	Command string
	// Log receives the output of the child at debug level. Required.
	Log *slog.Logger
}

// Server is a running child. Its methods are safe for concurrent use.
type Server struct {
	config   Config
	password string
	socket   string
	tempDir  string // for a socket whose path would be too long in Dir; empty: the socket is in Dir
	lock     *os.File
	cmd      *exec.Cmd
	output   tail
	ended    chan struct{} // closed after the end of the child
	endErr   error         // valid after ended is closed
	closing  sync.Once
	closeErr error
}

const (
	// stopLimit is the maximum time for the child to end; accepted data is on disk already.
	stopLimit = 20 * time.Second
	// pollInterval is the pause between two checks for readiness.
	pollInterval = 20 * time.Millisecond
	// maxSocketPath is the maximum length of a socket path in bytes: 104 on BSD and macOS, with the terminating zero.
	maxSocketPath = 103
)

// Start starts the child and returns when it has loaded its data. It fails for a directory that another redis-server
// uses, and for a version that is too old.
func Start(ctx context.Context, config Config) (_ *Server, err error) {
	if config.Dir == "" || config.Log == nil {
		return nil, errors.New("start redis-server: Dir and Log are required")
	}
	s := &Server{config: config, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start redis-server: %w", err), s.Close())
		}
	}()
	if s.config.Command, err = findServer(ctx, config.Command); err != nil {
		return nil, err
	}
	if s.config.Dir, err = filepath.Abs(config.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.config.Dir, 0o700); err != nil {
		return nil, err
	}
	if s.lock, err = lockDir(s.config.Dir); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if err := s.spawn(); err != nil {
		return nil, err
	}
	return s, s.ready(ctx)
}

// prepare creates the password and the directory of the socket.
func (s *Server) prepare() error {
	file := filepath.Join(s.config.Dir, "password")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		text = []byte(rand.Text())
		err = os.WriteFile(file, append(text, '\n'), 0o600)
	}
	if err != nil {
		return err
	}
	if s.password = strings.TrimSpace(string(text)); s.password == "" || strings.ContainsAny(s.password, " \"'\\\n\r\t") {
		return fmt.Errorf("%s holds no password: remove it", file)
	}
	s.socket = filepath.Join(s.config.Dir, "redis.sock")
	if len(s.socket) > maxSocketPath {
		if s.tempDir, err = os.MkdirTemp("", "penstock-"); err != nil { // accessible to this user only
			return err
		}
		s.socket = filepath.Join(s.tempDir, "redis.sock")
	}
	return nil
}

// settings returns the redis.conf. It is passed on standard input, because all users of the machine can see a command
// line.
func (s *Server) settings() string {
	return fmt.Sprintf(`port 0
unixsocket %s
unixsocketperm 600
requirepass %s
protected-mode yes
daemonize no
dir %s
appendonly yes
appendfsync always
no-appendfsync-on-rewrite no
aof-load-truncated yes
save ""
maxmemory-policy noeviction
logfile ""
`, quoted(s.socket), s.password, quoted(s.config.Dir))
}

// quoted returns a quoted word of redis.conf.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// spawn starts the child. It inherits the lock, which therefore lasts as long as the child, even when only this
// process is killed.
func (s *Server) spawn() error {
	s.cmd = exec.Command(s.config.Command, "-")
	s.cmd.Stdin = strings.NewReader(s.settings())
	s.output.log = s.config.Log
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.Dir = s.config.Dir
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	s.cmd.ExtraFiles = []*os.File{s.lock}
	if err := startWithParent(s.cmd, func(err error) { s.endErr = err; close(s.ended) }); err != nil {
		s.cmd = nil
		return err
	}
	return writePid(s.lock, s.cmd.Process.Pid)
}

// ready waits until the child answers.
func (s *Server) ready(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket, Password: s.password, MaxRetries: -1, DialTimeout: time.Second})
	defer client.Close()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := client.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("it ended at once (%v) and said: %s", s.endErr, s.output.last())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C: // it is starting or loading
		}
	}
}

// URL returns the URL for a client, with the password, as in the product's settings.
func (s *Server) URL() string {
	return (&url.URL{Scheme: "unix", User: url.UserPassword("", s.password), Path: s.socket}).String()
}

// Pid returns the process id of the child.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Run returns nil when ctx ends, and an error when the child ends before.
func (s *Server) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.ended:
		return fmt.Errorf("redis-server ended (%v) and said: %s", s.endErr, s.output.last())
	}
}

// Close stops the child gracefully and waits for its end. Its users must have ended before.
func (s *Server) Close() error {
	s.closing.Do(func() {
		if s.cmd != nil {
			s.closeErr = s.stop()
		}
		if s.lock != nil {
			_ = s.lock.Close()
		}
		if s.tempDir != "" {
			_ = os.RemoveAll(s.tempDir)
		}
	})
	return s.closeErr
}

func (s *Server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-s.ended:
		return nil
	case <-limit.C:
	}
	_ = s.cmd.Process.Kill()
	<-s.ended
	return fmt.Errorf("redis-server did not end within %v and was killed; accepted runs are on disk", stopLimit)
}

// tail logs the output of the child and keeps its last lines.
type tail struct {
	log *slog.Logger

	mu    sync.Mutex // guards the fields below
	begun []byte     // incomplete line
	lines []string   // last complete lines
}

const keptLines = 5

var _ io.Writer = (*tail)(nil)

// Write implements io.Writer.
func (t *tail) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun = append(t.begun, data...)
	for {
		line, rest, whole := bytes.Cut(t.begun, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		if text := strings.TrimSpace(string(line)); text != "" {
			t.log.Debug("redis-server", "said", text)
			t.lines = append(t.lines, text)[max(0, len(t.lines)+1-keptLines):]
		}
		t.begun = append([]byte{}, rest...)
	}
}

func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "; ")
}

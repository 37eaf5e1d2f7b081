package testenv

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Database is a database server of the test, with one user and one database.
type Database struct {
	Host, Port     string
	User, Password string
	Name           string
}

const (
	// databaseLimit is the maximum time for a database server to answer.
	databaseLimit = 60 * time.Second
	// stopTimeout is the maximum time for it to end.
	stopTimeout = 10 * time.Second
)

// databaseServer is the part common to all servers.
type databaseServer struct {
	t   testing.TB
	dir string // of its files, owned by the user that runs it

	mu  sync.Mutex
	log bytes.Buffer // guarded by mu
}

func newDatabaseServer(t testing.TB, name string) *databaseServer {
	t.Helper()
	// Not t.TempDir, which only its owner may enter: when root runs the test, another user runs the server.
	dir, err := os.MkdirTemp("", name+"-")
	if err != nil {
		t.Fatalf("make directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if owner := unprivileged(t); owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatalf("give directory away: %v", err)
		}
	}
	return &databaseServer{t: t, dir: dir}
}

// unprivileged returns the user for servers that refuse to run as root; nil: the user of the test.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatalf("find a user without privileges: %v", err)
	}
	uid, _ := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, _ := strconv.ParseUint(nobody.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// Write collects the output of the server, for failures.
func (s *databaseServer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *databaseServer) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *databaseServer) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "HOME="+s.dir, "TMPDIR="+s.dir)
	cmd.Stdout, cmd.Stderr = s, s
	if cmd.SysProcAttr = childAttributes(); cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = unprivileged(s.t)
	return cmd
}

// prepare runs a program that creates the server's files.
func (s *databaseServer) prepare(path string, args ...string) {
	s.t.Helper()
	if err := s.command(path, args...).Run(); err != nil {
		s.t.Fatalf("run %s: %v\n%s", filepath.Base(path), err, s.output())
	}
}

// serve starts the server and waits until ping succeeds. The signal end stops it at the end of the test.
func (s *databaseServer) serve(end syscall.Signal, ping func(context.Context) error, path string, args ...string) {
	s.t.Helper()
	cmd := s.command(path, args...)
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start %s: %v", filepath.Base(path), err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(end)
		select {
		case <-ended:
		case <-time.After(stopTimeout):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), databaseLimit)
	defer cancel()
	for {
		err := ping(ctx)
		if err == nil {
			return
		}
		select {
		case <-ended:
			s.t.Fatalf("%s ended:\n%s", filepath.Base(path), s.output())
		case <-ctx.Done():
			s.t.Fatalf("%s does not answer: %v\n%s", filepath.Base(path), err, s.output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// pingDatabase executes the statements over a new connection.
func pingDatabase(ctx context.Context, driver, dsn string, statements ...string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// findProgram finds a server program, which Debian does not put into the PATH.
func findProgram(t testing.TB, name, pkg string, places ...string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, place := range places {
		found, _ := filepath.Glob(filepath.Join(place, name))
		if len(found) > 0 {
			return slices.Max(found) // the newest version
		}
	}
	t.Fatalf("%s is not installed: ./test installs it, or use the package %s of your system", name, pkg)
	return ""
}

// Address returns host and port.
func (d *Database) Address() string { return net.JoinHostPort(d.Host, d.Port) }

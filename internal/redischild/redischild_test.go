package redischild

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock/penstock/internal/testenv"
	"github.com/redis/go-redis/v9"
)

// TestMain is a parent that starts a child and waits to be killed, when an environment variable is set.
func TestMain(m *testing.M) {
	dir := os.Getenv("REDISCHILD_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := Start(context.Background(), Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.Pid())
	select {}
}

func start(t *testing.T, dir string) (*Server, *redis.Client) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed")
	}
	s, err := Start(t.Context(), Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	options, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(options)
	t.Cleanup(func() {
		_ = c.Close()
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s, c
}

// The child accepts no other clients, and a restart restores its data.
func TestTheChildLosesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "redis")
	s, c := start(t, dir)
	for name, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "port": "0", "protected-mode": "yes", "save": "", "unixsocketperm": "600",
	} {
		if got, err := c.ConfigGet(t.Context(), name).Result(); err != nil || got[name] != want {
			t.Errorf("%s is %q, %v, want %q", name, got[name], err, want)
		}
	}
	stranger := redis.NewClient(&redis.Options{Network: "unix", Addr: s.socket})
	defer stranger.Close()
	if err := stranger.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("without a password: %v", err)
	}
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.Pid())); err == nil && bytes.Contains(line, []byte(s.password)) {
		t.Error("the command line shows the password")
	}
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, c = start(t, dir)
	if v, err := c.Get(t.Context(), "k").Result(); v != "v" {
		t.Errorf("after a restart: %q, %v", v, err)
	}
}

// A second child on the directory is refused with the id of the first, even when the first parent has ended and its
// child has not.
func TestOneChildPerDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := start(t, dir)
	for range 2 {
		_, err := Start(t.Context(), Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("is in use by the redis-server with process id %d,", s.Pid())) {
			t.Errorf("error %v", err)
		}
		_ = s.lock.Close() // as at the end of this process
	}
}

// The path of the socket is short, even if that of the data is long.
func TestALongDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40), `with "quotes" and spaces`)
	_, c := start(t, dir)
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

// A child whose parent is killed ends; until then no other process gets its data.
func TestTheChildEndsWithItsParent(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("children end with their parents on Linux alone")
	}
	dir := t.TempDir()
	_, c := start(t, t.TempDir()) // skips where there is no Redis
	_ = c
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), "REDISCHILD_DIR="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, _ := out.Read(line)
	pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatalf("the parent said %q", line[:n])
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	var second *Server
	testenv.Until(t, "the child has ended with its parent", func() bool {
		second, err = Start(t.Context(), Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		if err != nil && !strings.Contains(err.Error(), "is in use by the redis-server") {
			t.Fatal(err)
		}
		return err == nil
	})
	if state := stateOf(pid); state != "" && state != "Z" {
		t.Errorf("the first child (%d) is alive beside the second: %s", pid, state)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

// stateOf returns the state of a process from /proc; empty: it does not exist. Z is an ended process for which nobody
// has waited.
func stateOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}

// The end of a child is reported.
func TestAChildThatEnds(t *testing.T) {
	t.Parallel()
	s, _ := start(t, t.TempDir())
	if err := syscall.Kill(s.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "redis-server ended (signal: killed)") {
		t.Errorf("error %v", err)
	}
}

// A failed start returns an error that names the cause.
func TestWhatIsNotStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := func(name, does string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"+does+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for want, command := range map[string]string{
		"there is no redis-server on PATH: install":                      filepath.Join(dir, "none"),
		"is version 5.0, which is too old: Redis 6.2 or later is needed": program("old", "echo Redis server v=5.0.14 sha=00000000:0"),
		"does not say which version it is":                               program("mute", "echo hello"),
		"it ended at once (exit status 3) and said: no room":             program("broken", `[ "$1" = --version ] && echo v=7.0.1 && exit; echo no room; exit 3`),
	} {
		_, err := Start(t.Context(), Config{Dir: filepath.Join(dir, "data"), Command: command, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", command, err, want)
		}
	}
}

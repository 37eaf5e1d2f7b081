package secretstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inside, outside := filepath.Join(dir, "secrets"), filepath.Join(dir, "other")
	write(t, inside+"/..2026_11_30/token", "of-a-volume\n")
	link(t, "..2026_11_30", inside+"/..data")
	link(t, "..data/token", inside+"/token")
	write(t, inside+"/windows", "a\r\n")
	write(t, inside+"/two", "a\n\n")
	write(t, inside+"/largest", strings.Repeat("x", MaxSize)+"\n")
	write(t, inside+"/larger", strings.Repeat("x", MaxSize+1))
	write(t, inside+"/empty", "\n")
	write(t, inside+"/bytes", "\xff\xfe")
	write(t, inside+"/json", `{"password":"of-json","port":5432,"nested":{"a":1}}`)
	write(t, outside+"/master", "stolen")
	link(t, outside+"/master", inside+"/absolute")
	link(t, "../other/master", inside+"/relative")
	link(t, outside, inside+"/directory")
	write(t, inside+"-too/a", "stolen")
	if err := syscall.Mkfifo(inside+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Rules: Rules{File: &FileRules{Directories: []string{inside}}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, want := range map[string]string{
		"token": "of-a-volume", "..data/token": "of-a-volume", "windows": "a", "two": "a\n", "largest": strings.Repeat("x", MaxSize), "json#password": "of-json", "json#port": "5432", "json#nested": `{"a":1}`,
	} {
		if got, err := s.Value(t.Context(), "file://"+inside+"/"+name); got != want || err != nil {
			t.Errorf("%s: %.40q, %v", name, got, err)
		}
	}
	for name, want := range map[string]Kind{
		"none": Missing, "larger": Invalid, "empty": Invalid, "bytes": Invalid, "json#none": Missing, "token#a": Invalid, "pipe": Invalid, "..data": Invalid,
		"absolute": NotAllowed, "relative": NotAllowed, "directory/master": NotAllowed, "../secrets-too/a": Invalid,
	} {
		if got, err := s.Value(t.Context(), "file://"+inside+"/"+name); kindOf(err) != want {
			t.Errorf("%s: %.40q, %v, want %s", name, got, err, want)
		}
	}
	if _, err := s.Value(t.Context(), "file://"+inside+"-too/a"); kindOf(err) != NotAllowed {
		t.Errorf("a directory of a longer name: %v", err)
	}
}

// Kubernetes replaces the files of a volume by another ..data.
func TestARotatedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/..1/token", "one")
	write(t, dir+"/..2/token", "two")
	link(t, "..1", dir+"/..data")
	link(t, "..data/token", dir+"/token")
	f := files{[]string{dir}}
	if d, err := f.Read(t.Context(), dir+"/token"); err != nil || d.Text != "one" {
		t.Fatal(d, err)
	}
	link(t, "..2", dir+"/..next")
	if err := os.Rename(dir+"/..next", dir+"/..data"); err != nil {
		t.Fatal(err)
	}
	if d, err := f.Read(t.Context(), dir+"/token"); err != nil || d.Text != "two" {
		t.Error(d, err)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("PENSTOCK_SECRET_A", "of-the-environment")
	t.Setenv("PENSTOCK_MASTER_KEY", "stolen")
	t.Setenv("VAULT_TOKEN", "stolen")
	for prefix, texts := range map[string]map[string]Kind{
		"PENSTOCK_SECRET_": {"env://PENSTOCK_SECRET_A": "", "env://PENSTOCK_SECRET_B": Missing, "env://PENSTOCK_MASTER_KEY": NotAllowed},
		"VAULT_":           {"env://VAULT_TOKEN": NotAllowed},
	} {
		s, err := New(Config{Rules: Rules{Env: &EnvRules{prefix}}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for text, want := range texts {
			if got, err := s.Value(t.Context(), text); kindOf(err) != want || want == "" && got != "of-the-environment" {
				t.Errorf("%s: %q, %v", text, got, err)
			}
		}
	}
}

// The commands are real processes: they get the argument as it is, no shell, no input, and no more of the environment than the rule
// says.
func TestCommands(t *testing.T) {
	t.Setenv("PENSTOCK_MASTER_KEY", "stolen")
	t.Setenv("TOKEN_OF_THE_MANAGER", "let-me-in")
	dir := t.TempDir()
	script := func(name, body string) []string {
		write(t, dir+"/"+name, "#!/bin/sh\n"+body)
		if err := os.Chmod(dir+"/"+name, 0o700); err != nil {
			t.Fatal(err)
		}
		return []string{dir + "/" + name, "get"}
	}
	var log bytes.Buffer
	s, err := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Rules: Rules{Exec: map[string]ExecRule{
		"echo": {Command: script("echo", `printf '%s|%s|%s|%s|' "$#" "$1" "$2" "$PENSTOCK_MASTER_KEY$TOKEN_OF_THE_MANAGER"; cat; pwd`), Arguments: []string{"*"}, Environment: []string{"TOKEN_OF_THE_MANAGER"}},
		"json": {Command: script("json", `echo '{"password":"of-the-manager"}'`)},
		"loud": {Command: script("loud", `echo "token=hunter2-hunter2 AKIA0123456789ABCDEFGH no such secret" >&2; echo half-a-secret; exit 3`)},
		"long": {Command: script("long", `head -c 70000 /dev/zero | tr '\0' x`)},
		"slow": {Command: script("slow", `sleep 600 & sleep 600`), Timeout: 200_000_000},
		"none": {Command: []string{dir + "/none"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hostile := "a/$(id);`id`&&'\"*"
	if got, err := s.Value(t.Context(), "exec://echo/"+hostile); got != "2|get|"+hostile+"|let-me-in|/" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := s.Value(t.Context(), "exec://json#password"); got != "of-the-manager" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for text, want := range map[string]string{
		"exec://loud": "its command ended with the status 3", "exec://long": "more than 65536 bytes", "exec://slow": "has not ended within 200ms", "exec://none": "cannot be started", "exec://json/x": "rules",
	} {
		_, err := s.Value(t.Context(), text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "half-a-secret") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	text := log.String()
	for _, secret := range []string{"hunter2", "AKIA0123", "half-a-secret", "of-the-manager", "let-me-in"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %s:\n%s", secret, text)
		}
	}
	if !strings.Contains(text, "no such secret") {
		t.Errorf("the log does not have the standard error:\n%s", text)
	}
}

// No goroutine of a caller waits longer than its context for a command.
func TestACallerDoesNotWaitForACommand(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Log: slog.New(slog.DiscardHandler), Rules: Rules{Exec: map[string]ExecRule{"sleep": {Command: []string{"/bin/sleep"}, Arguments: []string{"600"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Value(ctx, "exec://sleep/600"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestErrorsSayNothingOfTheStore(t *testing.T) {
	t.Parallel()
	err := about(fmt.Errorf("dial s3cr3t"), "vault://kv/crm#a")
	if strings.Contains(err.Error(), "s3cr3t") || !err.Temporary() {
		t.Error(err)
	}
}

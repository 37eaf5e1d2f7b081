package secretstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"github.com/penstock/penstock/internal/firstbytes"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

const (
	// maxCommands is the maximum number of commands that run at once.
	maxCommands = 4
	// maxStderr is how much of the standard error of a command is logged, in bytes.
	maxStderr = 4 << 10
	// outputGrace is how long the output of a command is read that has ended, or was killed: a child of its own may hold it open.
	outputGrace = time.Second
)

// commands runs the commands of the rules.
type commands struct {
	rules map[string]ExecRule
	log   *slog.Logger
	slots chan struct{}
}

func newCommands(rules map[string]ExecRule, log *slog.Logger) *commands {
	return &commands{rules, log, make(chan struct{}, maxCommands)}
}

// Read implements Source. The command gets the argument as its last one, no shell, no standard input, and of the environment
// what its rule names.
func (c *commands) Read(ctx context.Context, path string) (*Document, error) {
	name, argument, given := strings.Cut(path, "/")
	rule, ok := c.rules[name]
	if !ok {
		return nil, Failure(NotAllowed, "it is no command of the rules")
	}
	limit := cmp.Or(rule.Timeout, defaultExecTimeout)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, Failure(Unavailable, "too many commands are running")
	}
	args := rule.Command[1:]
	if given {
		args = append(args[:len(args):len(args)], argument)
	}
	cmd := exec.CommandContext(ctx, rule.Command[0], args...)
	out, problems := firstbytes.New(MaxSize+2), firstbytes.New(maxStderr)
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.Dir, cmd.WaitDelay = out, problems, environmentOf(rule), "/", outputGrace
	killTogether(cmd)
	err := cmd.Run()
	if problems.Size() > 0 {
		c.log.Warn("a command for a secret has written to its standard error", "command", name, "stderr", redacted(problems.String(), out.String()))
	}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, Failure(Unavailable, fmt.Sprintf("its command has not ended within %v", limit))
	case errors.As(err, &ended):
		return nil, Failure(Unavailable, fmt.Sprintf("its command ended with the status %d: the log of this process has its standard error", ended.ExitCode()))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, Failure(Denied, "its command cannot be started: the program does not exist, or may not be executed")
	case errors.Is(err, exec.ErrWaitDelay):
		return nil, Failure(Invalid, "its command has ended, but a child of it holds its output open")
	case err != nil:
		return nil, Failure(Unavailable, "its command cannot be started")
	case !out.Complete():
		return nil, Failure(Invalid, fmt.Sprintf("its command has written more than %d bytes", MaxSize))
	}
	return &Document{Text: trimLineEnd(out.String())}, nil
}

// environmentOf returns the environment of a command.
func environmentOf(rule ExecRule) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"}
	for _, name := range rule.Environment {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

var (
	// namedSecret is a word for a secret with its value.
	namedSecret = regexp.MustCompile(`(?i)((?:token|secret|password|passwd|passphrase|credential|authorization|bearer|api[-_ ]?key)["']?\s*[:= ]\s*["']?)[^\s"']+`)
	// looksSecret is a text as keys and tokens are.
	looksSecret = regexp.MustCompile(`[A-Za-z0-9+_=-]{20,}`)
)

// redacted masks in the standard error of a command what it has put out, and what looks like a secret.
func redacted(text, output string) string {
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); len(line) >= 4 {
			text = strings.ReplaceAll(text, line, "***")
		}
	}
	return looksSecret.ReplaceAllString(namedSecret.ReplaceAllString(text, "${1}***"), "***")
}

package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/app/cli/examples"
	"github.com/penstock/penstock/flows/steps"
)

const cliIntro = `# The command line

<!-- Written by go test ./app/cli -update. -->

One program runs the processes, works on flow files without a server, and calls a server like any client.

` + "`--url`, `PENSTOCK_URL`" + ` or a context names the server; ` + "`PENSTOCK_TOKEN`" + `, or ` + "`PENSTOCK_USER`" + ` and ` + "`PENSTOCK_PASSWORD`" + `, or
` + "`PENSTOCK_API_KEY`" + ` and ` + "`PENSTOCK_API_SECRET`" + ` authenticate the caller. Secrets are read from files or standard input, never from the
command line. Tables are for people: scripts take ` + "`--json`" + `, whose numbers and texts are unchanged from the server's response.
` + "`penstock completion bash`" + ` (or zsh, fish, powershell) prints completions.

| exit code | |
|---|---|
| 0 | done |
| 1 | it failed |
| 2 | the command line, or the request, is invalid |
| 3 | the authentication failed, or the caller lacks a permission |
| 4 | the named object does not exist |
| 5 | the run was accepted and did not succeed |
| 6 | the server does not respond, or is overloaded: try again |
| 7 | the run was accepted and continues: the time of the wait was over, or Ctrl-C ended it |

` + "`penstock login URL`" + ` gets a token for a user's name and password and keeps it, not the password, in ` + "`penstock/contexts.json`" + ` of
the user's configuration directory, which only the user may read; ` + "`penstock context`" + ` selects one of several servers. A flag overrides
a variable, which overrides a context, and a token is sent only to its own server. ` + "`PENSTOCK_CONTEXT`" + ` names a context for one
command. For every file argument, ` + "`-`" + ` is standard input.

The completions of ` + "`source <(penstock completion bash)`" + ` (with the package bash-completion) contain flows, runs, queues, keys and so on:
they ask the server, for at most 1.5 s.

`

// The reference of the command line is generated from the commands.
func TestCommandReference(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(cliIntro)
	for _, c := range newRoot(command.Env{}, steps.Catalogue()).Commands() {
		describeCommand(&b, c)
	}
	golden(t, filepath.Join("..", "..", "docs", "cli.md"), strings.TrimRight(b.String(), "\n")+"\n")
}

// Each command has an example with valid flags, and each example of the table is used.
func TestCommandsHaveExamples(t *testing.T) {
	t.Parallel()
	root := newRoot(command.Env{}, steps.Catalogue())
	for path, lines := range examples.ByCommand() {
		cmd, rest, err := root.Find(strings.Fields(path))
		if err != nil || len(rest) > 0 || strings.Count(cmd.Example, "\n")+1 != len(lines) {
			t.Errorf("penstock %s does not show its examples of the table", path)
		}
	}
	var check func(*cobra.Command)
	check = func(c *cobra.Command) {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			return
		}
		if c.Runnable() && c.HasParent() && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, flag := range shownFlag.FindAllStringSubmatch(c.Example, -1) {
			if strings.Count(c.Example, "penstock ") == strings.Count(c.Example, c.CommandPath()) && !hasFlag(c, flag[1]) {
				t.Errorf("the example of %s has no --%s", c.CommandPath(), flag[1])
			}
		}
		for _, sub := range c.Commands() {
			check(sub)
		}
	}
	check(root)
}

func describeCommand(b *strings.Builder, c *cobra.Command) {
	if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
		return
	}
	if c.Runnable() {
		fmt.Fprintf(b, "## %s\n\n%s.\n\n```\n%s\n```\n\n", c.CommandPath(), c.Short, c.UseLine())
		if c.Example != "" {
			fmt.Fprintf(b, "```\n%s\n```\n\n", unindented(c.Example))
		}
		describeFlags(b, c.LocalFlags())
	}
	for _, sub := range c.Commands() {
		describeCommand(b, sub)
	}
}

func unindented(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}

func describeFlags(b *strings.Builder, flags *pflag.FlagSet) {
	rows := ""
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		what, usage := pflag.UnquoteUsage(f)
		if what != "" {
			what = " " + what
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && f.DefValue != "0s" {
			usage += "; default `" + f.DefValue + "`"
		}
		rows += fmt.Sprintf("| `--%s%s` | %s |\n", f.Name, what, strings.ReplaceAll(usage, "|", `\|`))
	})
	if rows != "" {
		fmt.Fprintf(b, "| | |\n|---|---|\n%s\n", rows)
	}
}

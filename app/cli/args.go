package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// exactly and atLeast check the number of arguments; mistakes are usageErrors.
func exactly(n int) cobra.PositionalArgs { return checked(cobra.ExactArgs(n)) }
func atLeast(n int) cobra.PositionalArgs { return checked(cobra.MinimumNArgs(n)) }

func checked(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%s: %w; usage: %s", cmd.Name(), err, cmd.UseLine())}
		}
		return nil
	}
}

// unknownVerb is the mistake in a command line whose group has no such command;
// cobra would print the group's help and call it done.
func unknownVerb(root *cobra.Command, args []string) error {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return nil // what completion scripts call: cobra adds it when it executes
	}
	group, rest, err := root.Find(args)
	if err != nil || group.Runnable() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
		return nil // cobra sees to it
	}
	return usageError{fmt.Errorf("unknown command %q for %q; `%s --help` lists what there is", rest[0], group.CommandPath(), group.CommandPath())}
}

// printIndented prints JSON that came from elsewhere, its numbers untouched.
func printIndented(w io.Writer, text []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

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

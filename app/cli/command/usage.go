// Package command has what the commands share: the arguments, the client of the server with its contexts, completions and tables.
package command

import (
	"fmt"

	"github.com/spf13/cobra"
)

// ExactArgs checks the number of arguments, as MinArgs and UsageArgs do. Its error is a UsageError.
func ExactArgs(n int) cobra.PositionalArgs { return UsageArgs(cobra.ExactArgs(n)) }

// MinArgs checks that there are at least n arguments.
func MinArgs(n int) cobra.PositionalArgs { return UsageArgs(cobra.MinimumNArgs(n)) }

// UsageArgs makes the error of a check a UsageError, with the usage of the command.
func UsageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return Invalid(fmt.Errorf("%s: %w; usage: %s", cmd.Name(), err, cmd.UseLine()))
		}
		return nil
	}
}

// UsageError reports an invalid command line.
type UsageError struct{ error }

// Unwrap returns what is wrong.
func (e UsageError) Unwrap() error { return e.error }

// Invalid returns an error as that of an invalid command line.
func Invalid(err error) error { return UsageError{err} }

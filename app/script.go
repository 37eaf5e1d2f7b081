package app

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows/script"
)

// scriptChild is the subcommand that evaluates scripts for a worker, in a
// process that the worker ends when a script does not end.
const scriptChild = "script-child"

func newScriptChild() *cobra.Command {
	return &cobra.Command{
		Use:    scriptChild,
		Hidden: true,
		Args:   checked(cobra.NoArgs),
		RunE:   func(cmd *cobra.Command, _ []string) error { return script.Serve(cmd.InOrStdin(), cmd.OutOrStdout()) },
	}
}

// newScripts starts children of this program when scripts come.
func newScripts() (*script.Pool, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return script.NewPool(script.Config{Command: []string{self, scriptChild}})
}

package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows/script"
)

func newScriptChild() *cobra.Command {
	return &cobra.Command{
		Use:    app.ScriptChild,
		Hidden: true,
		Args:   usageArgs(cobra.NoArgs),
		RunE:   func(cmd *cobra.Command, _ []string) error { return script.Serve(cmd.InOrStdin(), cmd.OutOrStdout()) },
	}
}

package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows"
)

// newServe returns the command that runs a process of a role.
func newServe(e env, kinds *flows.Catalogue, r app.Role, cmd *cobra.Command) *cobra.Command {
	var s app.Settings
	s.AddFlags(cmd.Flags(), r)
	cmd.Args = usageArgs(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.Read(app.Env(e), cmd.Flags(), r); err != nil {
			return err
		}
		return app.Serve(cmd.Context(), s, r, kinds, app.Env(e), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

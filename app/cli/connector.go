package cli

import "github.com/spf13/cobra"

func newConnector() *cobra.Command {
	cmd := &cobra.Command{Use: "connector", Short: "Connectors: operations of APIs that flows use"}
	cmd.AddCommand(newConnectorImport(), newConnectorDrift())
	return cmd
}

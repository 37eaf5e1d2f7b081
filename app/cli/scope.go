package cli

import "github.com/spf13/cobra"

func newScope(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "scope", Short: "See the scopes of a server", Long: "See the scopes of a server: its own, and those that the http triggers of flows ask for.\n\n" + remoteHelp}
	cmd.AddCommand(newList(e, "List scopes, with the operations that ask for them and who holds them", "/v1/scopes", []column{
		{"name", "name"}, {"description", "description"}, {"operations", "operations"}, {"users", "users"}, {"keys", "keys"}, {"clients", "clients"},
	}))
	return cmd
}

package cli

import "github.com/spf13/cobra"

func newAudit(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Show administrative actions on a server", Long: "Show administrative actions on a server.\n\n" + remoteHelp}
	cmd.AddCommand(newList(e, "List actions, the newest first", "/v1/audit", []column{
		{"at", "at"}, {"actor", "actor"}, {"act", "act"}, {"object", "object"}, {"status", "status"}, {"from", "ip"},
	}))
	return cmd
}

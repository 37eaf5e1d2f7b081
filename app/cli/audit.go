package cli

import "github.com/spf13/cobra"

func newAudit(e env) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "See who changed what on a server", Long: "See who changed what on a server.\n\n" + remoteHelp}
	cmd.AddCommand(newList(e, "List what was done, the newest first", "/v1/audit", []column{
		{"at", "at"}, {"actor", "actor"}, {"act", "act"}, {"object", "object"}, {"status", "status"}, {"from", "ip"},
	}))
	return cmd
}

package main

import "github.com/spf13/cobra"

func newFlow(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flow",
		Short: "Work on flows: in files without a server, and on a server",
	}
	cmd.AddGroup(&cobra.Group{ID: "files", Title: "Without a server:"}, &cobra.Group{ID: "server", Title: "On a server:"})
	for _, c := range []*cobra.Command{
		newFlowInit(), newFlowValidate(), newFlowTest(), newFlowRun(), newFlowSchema(), newFlowDocs(),
	} {
		c.GroupID = "files"
		cmd.AddCommand(c)
	}
	for _, c := range []*cobra.Command{
		newFlowList(e), newFlowDeploy(e), newFlowDiff(e), newFlowVersions(e), newFlowRollback(e),
		newFlowSwitch(e, true), newFlowSwitch(e, false), newFlowRecord(e),
	} {
		c.GroupID = "server"
		cmd.AddCommand(c)
	}
	return cmd
}

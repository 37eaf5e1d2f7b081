package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/flows"
)

func newFlow(e env, kinds *flows.Catalogue) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flow",
		Short: "Work on flows: in files without a server, and on a server",
	}
	cmd.AddGroup(&cobra.Group{ID: "files", Title: "Without a server:"}, &cobra.Group{ID: "server", Title: "On a server:"})
	for _, c := range []*cobra.Command{
		newFlowInit(), newFlowValidate(kinds), newFlowTest(kinds), newFlowRun(kinds), newFlowSchema(kinds), newFlowDocs(kinds),
	} {
		c.GroupID = "files"
		cmd.AddCommand(c)
	}
	for _, c := range []*cobra.Command{
		newFlowList(e), newFlowDeploy(e, kinds), newFlowDiff(e, kinds), newFlowRehearse(e, kinds), newFlowVersions(e), newFlowRollback(e), newFlowCanary(e),
		newFlowSwitch(e, true), newFlowSwitch(e, false), newFlowPause(e, true), newFlowPause(e, false), newFlowDelete(e), newFlowRecord(e, kinds),
	} {
		c.GroupID = "server"
		cmd.AddCommand(c)
	}
	return cmd
}

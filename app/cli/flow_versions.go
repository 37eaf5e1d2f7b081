package cli

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/client"
)

func newFlowVersions(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "versions FLOW",
		Short: "List the versions of a flow, the newest first",
		Long:  "List the versions of a flow that can be rolled back to, the newest first. FLOW is its\nnumber or slug.\n\n" + remoteHelp,
		Args:  usageArgs(cobra.ExactArgs(1)),
	}
	return listing(e, cmd, func(ctx context.Context, server *client.Client, refs []string) ([]client.Version, error) {
		return server.Versions(ctx, refs[0])
	}, printVersions)
}

func printVersions(w io.Writer, all []client.Version) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tDEPLOYED\t")
	for _, v := range all {
		mark := ""
		if v.Current {
			mark = "current"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", short(v.Version), v.DeployedAt.Local().Format(time.DateTime), mark)
	}
	return table.Flush()
}

func newFlowRollback(e env) *cobra.Command {
	var url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rollback FLOW [VERSION]",
		Short: "Make an earlier version of a flow the current one",
		Long: "Make an earlier version of a flow the current one: the one before, or the one whose first\n" +
			"digits are given. Runs that were accepted before keep their version.\n\n" + remoteHelp,
		Args: usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, err := e.remote(url, nil)
			if err != nil {
				return err
			}
			version := ""
			if len(args) == 2 {
				v, err := server.Version(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				version = v.Version
			}
			flow, err := server.Rollback(cmd.Context(), args[0], version)
			if err != nil {
				return err
			}
			if asJSON {
				return printValue(cmd.OutOrStdout(), flow)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "flow %d is version %s again\n", flow.Number, short(flow.Version))
			return err
		},
	}
	addURL(cmd, &url)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/penstock/penstock/client"
)

func newFlowList(e env) *cobra.Command {
	var url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the flows of a server, with the times at which they fire next",
		Long:  "List the flows of a server, with the times at which they fire next.\n\n" + remoteHelp,
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			server, err := e.remote(url, nil)
			if err != nil {
				return err
			}
			all, err := server.Flows(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printValue(cmd.OutOrStdout(), append([]client.Flow{}, all...))
			}
			return printFlows(cmd.OutOrStdout(), all)
		},
	}
	addURL(cmd, &url)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printFlows(w io.Writer, all []client.Flow) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FLOW\tSLUG\tTRIGGER\tENABLED\tVERSION\tNEXT\tNAME")
	for _, f := range all {
		enabled, next, name := "no", "-", f.Name
		if f.Enabled {
			enabled = "yes"
		}
		if !f.Paused.IsZero() {
			enabled += ", paused"
		}
		if len(f.Next) > 0 {
			next = f.Next[0].Format(time.RFC3339)
		}
		if f.Problem != "" {
			name += " (this server cannot run it)"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Number, orDash(f.Slug), orDash(f.Trigger), enabled, short(f.Version), next, name)
	}
	return table.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

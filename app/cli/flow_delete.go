package cli

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func newFlowDelete(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete FLOW…",
		Short: "Delete flows from a server, with their versions",
		Long: "Delete flows from a server, with their versions. Runs that were accepted before still end.\n" +
			"A paused flow with runs that wait is deleted only with --runs, which says what becomes of them.\n" +
			"A server that is started with a directory of flow files deploys what is in it again.\n\n" + remoteHelp,
		Example: "  penstock flow delete greet",
		Args:    minArgs(1),
	}
	c := newCall(e, cmd)
	var runs string
	cmd.Flags().StringVar(&runs, "runs", "", "what becomes of runs that wait: `finish` on the version that they have, or cancel")
	cmd.ValidArgsFunction = e.flowRefs()
	cmd.RunE = func(cmd *cobra.Command, refs []string) error {
		query := ""
		if runs != "" {
			query = "?runs=" + url.QueryEscape(runs)
		}
		for _, ref := range refs {
			if err := c.send(cmd, http.MethodDelete, "/v1/flows/"+url.PathEscape(ref)+query, nil, ""); err != nil {
				return fmt.Errorf("delete flow %s: %w", ref, err)
			}
			if !c.asJSON {
				fmt.Fprintf(cmd.OutOrStdout(), "flow %s is deleted\n", ref)
			}
		}
		return nil
	}
	return cmd
}

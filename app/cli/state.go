package cli

import (
	"net/http"
	"net/url"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/spf13/cobra"
)

func newState(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "state", Short: "Show what changes steps have seen, and forget it",
		Long: "Show the snapshots that changes steps keep of the lists that they saw last, and remove them. FLOW is the\nnumber or slug of the flow.\n\n" + command.RemoteHelp,
	}
	list := newListOf(e, "list FLOW", "List the snapshots of a flow", func(args []string) string { return snapshotsPath(args[0]) },
		[]command.Column{{"snapshot", "name"}, {"keys", "keys"}, {"written", "at"}, {"run", "run_id"}})
	list.Example = "  penstock state list pupils-to-library"
	cmd.AddCommand(list, newStateReset(e))
	return cmd
}

func snapshotsPath(flow string) string { return "/v1/flows/" + url.PathEscape(flow) + "/snapshots" }

func newStateReset(e command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reset FLOW SNAPSHOT", Short: "Remove a snapshot, so that the next list is a first one", Args: command.ExactArgs(2),
		Example: "  penstock state reset pupils-to-library pupils",
	}
	c := newCall(e, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.send(cmd, http.MethodDelete, snapshotsPath(args[0])+"/"+url.PathEscape(args[1]), nil, "")
	}
	return cmd
}

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newFlowSwitch makes `flow enable` or `flow disable`.
func newFlowSwitch(e env, on bool) *cobra.Command {
	verb, does := "disable", "Keep a flow's schedule or poll from firing"
	if on {
		verb, does = "enable", "Let a flow's schedule or poll fire"
	}
	var url string
	cmd := &cobra.Command{
		Use:   verb + " FLOW",
		Short: does,
		Long:  does + ". The API runs a flow either way.\n\n" + remoteHelp,
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, refs []string) error {
			server, err := e.remote(url, nil)
			if err != nil {
				return err
			}
			flow, err := server.Enable(cmd.Context(), refs[0], on)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "flow %d is %sd\n", flow.Number, verb)
			return err
		},
	}
	addURL(cmd, &url)
	return cmd
}

// newFlowPause makes `flow pause` or `flow resume`.
func newFlowPause(e env, pause bool) *cobra.Command {
	verb, does, more := "resume", "Let the runs of a flow begin again", "Those that waited are enqueued in the order of their acceptance."
	if pause {
		verb, does = "pause", "Let no run of a flow begin until it is resumed"
		more = "What runs ends as usual. Runs that nobody waits for are accepted, and wait; whoever would\n" +
			"wait for the output is refused with 503."
	}
	var url string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   verb + " FLOW",
		Short: does,
		Long:  does + ". FLOW is its number or slug.\n" + more + "\n\n" + remoteHelp,
		Args:  usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, refs []string) error {
			server, err := e.remote(url, nil)
			if err != nil {
				return err
			}
			flow, err := server.Pause(cmd.Context(), refs[0], pause)
			if err != nil {
				return err
			}
			if asJSON {
				return printValue(cmd.OutOrStdout(), flow)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "flow %d is %sd\n", flow.Number, verb)
			return err
		},
	}
	addURL(cmd, &url)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

package cli

import (
	"strings"

	"github.com/penstock/penstock/app/cli/command"
	"github.com/spf13/cobra"
)

// completeArgs adds suggestions to commands that have none: flows and runs of the server for FLOW and RUN in their
// usage texts, nothing for other words that are not files.
func completeArgs(e command.Env, cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		completeArgs(e, sub)
	}
	if cmd.ValidArgsFunction != nil || !cmd.Runnable() {
		return
	}
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	switch {
	case strings.HasPrefix(arguments, "FLOW"):
		cmd.ValidArgsFunction = command.FirstArgument(e.FlowRefs())
	case strings.HasPrefix(arguments, "RUN"):
		cmd.ValidArgsFunction = e.RunIDs()
	case !strings.Contains(arguments, "FILE") && !strings.Contains(arguments, "PATHS"):
		cmd.ValidArgsFunction = command.NoCompletion
	}
	if cmd.Flag("flow") != nil && cmd.Flag("url") != nil {
		_ = cmd.RegisterFlagCompletionFunc("flow", e.FlowRefs()) // fails only without the flag
	}
}

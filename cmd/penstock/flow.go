package main

import "github.com/spf13/cobra"

func newFlow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flow",
		Short: "Work on flow files: validate, run and test them without a server",
	}
	cmd.AddCommand(newFlowValidate(), newFlowRun(), newFlowTest(), newFlowKinds())
	return cmd
}

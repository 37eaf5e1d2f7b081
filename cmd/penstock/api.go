package main

import "github.com/spf13/cobra"

func newAPI(e env) *cobra.Command {
	return newServe(e, role{door: true}, &cobra.Command{
		Use:   "api",
		Short: "Run the front door: it accepts requests and answers them with results",
	})
}

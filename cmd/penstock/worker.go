package main

import "github.com/spf13/cobra"

func newWorker(e env) *cobra.Command {
	return newServe(e, role{worker: true}, &cobra.Command{
		Use:   "worker",
		Short: "Run a worker: it executes the flows",
	})
}

package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows"
)

func newWorker(e env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, app.Role{Worker: true}, &cobra.Command{
		Use:   "worker",
		Short: "Run a worker, which executes flows",
	})
}

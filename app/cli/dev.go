package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows"
)

func newDev(e env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, app.Role{API: true, Worker: true, Dev: true}, &cobra.Command{
		Use:   "dev",
		Short: "Run everything in one process, with example flows and a demo CRM",
		Long: "Run the front door and a worker in one process, on an embedded store unless --redis\n" +
			"names a real one. It makes an API key, watches --flows, and prints a command to paste.\n\n" +
			"The embedded store saves once a second: it is for development, not for production.",
	})
}

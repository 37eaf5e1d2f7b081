package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows"
)

func newServer(e env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, app.Role{API: true, Worker: true, Server: true}, &cobra.Command{
		Use:   "server",
		Short: "Run the front door and a worker in one process: an installation on one machine",
		Long: "Run the front door and a worker in one process. With --redis start it also runs the\n" +
			"redis-server of this machine as its child, which keeps every accepted run on disk\n" +
			"(appendonly, synced always) in the directory of --data, is reached by nobody else, and\n" +
			"ends with it. Without a master key in the settings it then makes one in that directory:\n" +
			"back both up together. `api` and `worker` are the same in separate processes.",
		Example: "  penstock server --redis start --data /var/lib/penstock --flows /etc/penstock/flows\n" +
			"  penstock server --redis redis://127.0.0.1:6379 --listen :8080",
	})
}

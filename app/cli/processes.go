package cli

import (
	"github.com/spf13/cobra"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/script"
)

// newServe returns the command that runs a process of a role.
func newServe(e command.Env, kinds *flows.Catalogue, r app.Role, cmd *cobra.Command) *cobra.Command {
	var s app.Settings
	s.AddFlags(cmd.Flags(), r)
	cmd.Args = command.UsageArgs(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := s.Read(app.Env(e), cmd.Flags(), r); err != nil {
			return err
		}
		return app.Serve(cmd.Context(), s, r, kinds, app.Env(e), cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func newAPI(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, app.Role{API: true}, &cobra.Command{
		Use:   "api",
		Short: "Run the front door, which accepts requests and returns results",
	})
}

func newWorker(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, app.Role{Worker: true}, &cobra.Command{
		Use:   "worker",
		Short: "Run a worker, which executes flows",
	})
}

func newServer(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, app.Role{API: true, Worker: true, Server: true}, &cobra.Command{
		Use:   "server",
		Short: "Run the front door and a worker in one process: an installation on one machine",
		Long: "Run the front door and a worker in one process. With --redis start it also runs the\n" +
			"redis-server of this machine as its child, which keeps every accepted run on disk\n" +
			"(appendonly, synced always) in the directory of --data, accepts no other clients, and ends\n" +
			"with it. Without a master key in the settings it creates one in that directory: back up both\n" +
			"together. `api` and `worker` run the same parts in separate processes.",
		Example: "  penstock server --redis start --data /var/lib/penstock --flows /etc/penstock/flows\n" +
			"  penstock server --redis redis://127.0.0.1:6379 --listen :8080",
	})
}

func newDev(e command.Env, kinds *flows.Catalogue) *cobra.Command {
	return newServe(e, kinds, app.Role{API: true, Worker: true, Dev: true}, &cobra.Command{
		Use:   "dev",
		Short: "Run everything in one process, with example flows and a demo CRM",
		Long: "Run the front door and a worker in one process, on an embedded store unless --redis\n" +
			"names a real one. It makes an API key, watches --flows, and prints a command to paste.\n\n" +
			"The embedded store saves once a second: it is for development, not for production.",
	})
}

// addWorkerCommands adds the commands about all workers to the one that runs a worker.
func addWorkerCommands(e command.Env, worker *cobra.Command) *cobra.Command {
	worker.AddCommand(resource{
		what: "live worker", path: "/v1/workers", id: "WORKER",
		columns: []command.Column{
			{"worker", "id"}, {"host", "host"}, {"version", "version"}, {"slots", "slots"}, {"draining", "draining"}, {"started", "started_at"},
			{"runs", "runs"},
		},
		actions: []action{
			{verb: "drain", suffix: "drain", short: "Let a worker finish its runs and take no new ones until it is resumed"},
			{verb: "resume", suffix: "resume", short: "Let a drained worker take runs again"},
		},
	}.verbs(e)...)
	return worker
}

func newScriptChild() *cobra.Command {
	return &cobra.Command{
		Use:    app.ScriptChild,
		Hidden: true,
		Args:   command.UsageArgs(cobra.NoArgs),
		RunE:   func(cmd *cobra.Command, _ []string) error { return script.Serve(cmd.InOrStdin(), cmd.OutOrStdout()) },
	}
}

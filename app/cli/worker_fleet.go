package cli

import "github.com/spf13/cobra"

// addWorkerCommands adds the commands about all workers to the one that runs a worker.
func addWorkerCommands(e env, worker *cobra.Command) *cobra.Command {
	worker.AddCommand(resource{
		what: "live worker", path: "/v1/workers", id: "WORKER",
		columns: []column{
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

package cli

import "github.com/spf13/cobra"

// addFleet gives the command that runs a worker the verbs about all workers.
func addFleet(e env, worker *cobra.Command) *cobra.Command {
	worker.AddCommand(resource{
		what: "live worker", path: "/v1/workers", id: "WORKER",
		columns: []column{
			{"worker", "id"}, {"host", "host"}, {"version", "version"}, {"slots", "slots"}, {"draining", "draining"}, {"started", "started_at"},
			{"runs", "runs"},
		},
		acts: []act{
			{verb: "drain", suffix: "drain", short: "Let a worker finish what it has and take nothing new, until it is stopped or resumed"},
			{verb: "resume", suffix: "resume", short: "Let a drained worker work again"},
		},
	}.verbs(e)...)
	return worker
}

package cli

import "github.com/spf13/cobra"

func newQueue(e env) *cobra.Command {
	return resource{
		name: "queue", what: "queue", path: "/v1/queues", id: "NAME",
		columns: []column{
			{"queue", "name"}, {"paused", "paused"}, {"pending", "pending"}, {"active", "active"}, {"in line", "in_line"}, {"oldest s", "oldest_seconds"},
			{"open runs", "open_runs"}, {"archived", "archived"}, {"workers", "workers"},
		},
		actions: []action{
			{verb: "pause", suffix: "pause", short: "Let no waiting run of a queue start; running ones continue"},
			{verb: "resume", suffix: "resume", short: "Let the runs of a queue start again"},
		},
	}.command(e)
}

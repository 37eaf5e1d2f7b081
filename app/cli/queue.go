package cli

import "github.com/spf13/cobra"

func newQueue(e env) *cobra.Command {
	return resource{
		name: "queue", what: "queue", path: "/v1/queues", id: "NAME",
		columns: []column{
			{"queue", "name"}, {"paused", "paused"}, {"pending", "pending"}, {"active", "active"}, {"in line", "in_line"}, {"oldest s", "oldest_seconds"},
			{"open runs", "open_runs"}, {"archived", "archived"}, {"workers", "workers"},
		},
		acts: []act{
			{verb: "pause", suffix: "pause", short: "Hold what waits in a queue; what runs goes on"},
			{verb: "resume", suffix: "resume", short: "Let workers take from a queue again"},
		},
	}.command(e)
}

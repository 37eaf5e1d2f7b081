package tasks

import (
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/queue"
)

// Figure is one figure of a queue.
type Figure struct {
	Name   string // key of a message, as Why
	Value  int64
	Asynq  int64  // what asynqmon shows, of all shards; negative: nothing
	Status string // the list of tasks in asynqmon; empty: it has none
	Why    string // why the two differ; empty: they never do
}

// Differ reports whether asynqmon shows another number.
func (f Figure) Differ() bool { return f.Value != max(0, f.Asynq) }

// Figures returns the figures of a queue, each with what asynqmon shows for it, and why that may differ.
func Figures(s *queue.Stats) []Figure {
	active := language.Key("asynqmon lists a run once it has lasted two heartbeats, 2 s: most are over before. These counts are of all that workers execute.")
	if s.Visible > s.Active {
		active = language.Key("asynqmon counts tasks that carry no run, too, such as those that send webhooks.")
	}
	return []Figure{
		{Name: language.Key("Pending"), Value: s.Pending, Asynq: s.Pending - s.Express, Status: "pending", Why: language.Key("asynqmon does not know the tasks that wait for a spare slot.")},
		{Name: language.Key("Active"), Value: s.Active, Asynq: s.Visible, Status: "active", Why: active},
		{Name: language.Key("In line"), Value: s.InLine, Asynq: s.InLine, Status: "aggregating"},
		{Name: language.Key("Waiting"), Value: s.Waiting, Asynq: -1, Why: language.Key("runs that are parked, at a concurrency limit or paused have no task, so that asynqmon does not know them.")},
		{Name: language.Key("Scheduled"), Value: s.Scheduled, Asynq: s.Scheduled, Status: "scheduled"},
		{Name: language.Key("Retry"), Value: s.Retry, Asynq: s.Retry, Status: "retry"},
		{Name: language.Key("Archived"), Value: s.Archived, Asynq: s.Archived, Status: "archived"},
		{Name: language.Key("Ended today"), Value: s.Processed, Asynq: s.Processed},
		{Name: language.Key("Failed today"), Value: s.Failed, Asynq: s.Failed},
	}
}

// Shards returns which of asynq's queues are shards of a queue; nil when it is not spread.
func Shards(s *queue.Stats, all []string) (shards []string) {
	for _, name := range all {
		if s.Shards > 1 && (name == s.Queue || strings.HasPrefix(name, s.Queue+"~")) {
			shards = append(shards, name)
		}
	}
	return shards
}

package history

import (
	"slices"
	"testing"

	"github.com/penstock/penstock/queue"
)

// Runs are looked up by what started them, where a column tells it; of the others all runs are wanted.
func TestRunsByTheirTrigger(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *DB) {
		ids := map[string]string{}
		for trigger, change := range map[string]func(*queue.Record){
			"sync":     func(r *queue.Record) { r.Principal, r.Sync = "key:hook:", true },
			"webhook":  func(r *queue.Record) { r.Principal = "hook:7" },
			"schedule": func(r *queue.Record) { r.Principal = "" },
			"replay":   func(r *queue.Record) { r.Principal, r.ReplayOf = "key:a", queue.NewRunID("default") },
			"resume":   func(r *queue.Record) { r.Principal, r.ResumedFrom = "key:a", queue.NewRunID("default") },
		} {
			run := ended(noon, change)
			write(t, h, run)
			ids[trigger] = run.ID
		}
		find := func(values ...string) []string {
			return list(t, h, queue.List{Where: []queue.Condition{{Field: "trigger", Values: values}}})
		}
		for _, trigger := range []string{"webhook", "schedule", "replay", "resume"} {
			if got := find(trigger); !slices.Equal(got, []string{ids[trigger]}) {
				t.Errorf("%s finds %v, want %s", trigger, got, ids[trigger])
			}
		}
		if got := find("replay", "schedule"); len(got) != 2 {
			t.Errorf("two triggers find %v", got)
		}
		if got := find("sync"); len(got) != len(ids) {
			t.Errorf("what is in no column finds %v, want all", got)
		}
	})
}

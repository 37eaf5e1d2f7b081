package alert

import (
	"context"

	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
)

// Triage tells the triage states of runs. *queue.Client implements it.
type Triage interface {
	TriageOf(ctx context.Context, ids []string) (map[string]queue.TriageState, error)
}

// OpenRuns returns what tells failures which of their runs are open.
func OpenRuns(runs Triage) failure.OpenRuns {
	return func(ctx context.Context, ids []string) (map[string]bool, error) {
		states, err := runs.TriageOf(ctx, ids)
		if err != nil {
			return nil, err
		}
		open := make(map[string]bool, len(states))
		for id, state := range states {
			open[id] = state == queue.Open
		}
		return open, nil
	}
}

package doctor

import (
	"context"

	"github.com/penstock/penstock/queue"
)

// Auditor checks the runs of queues against the invariants of the queue. *queue.Client implements it.
type Auditor interface {
	Queues(ctx context.Context) ([]string, error)
	Audit(ctx context.Context, queue string) ([]queue.Fault, int, error)
}

const maxFaults = 100

// Runs reports every run that violates an invariant of its queue.
func (r *Report) Runs(ctx context.Context, a Auditor) {
	const check = "runs"
	queues, err := a.Queues(ctx)
	if err != nil {
		r.fail(check, "See the findings about Redis.", "%v", err)
		return
	}
	for _, name := range queues {
		faults, runs, err := a.Audit(ctx, name)
		if err != nil {
			r.fail(check, "Call doctor again.", "queue %s: %v", name, err)
			continue
		}
		for i, f := range faults {
			if i == maxFaults {
				r.fail(check, "Repair the first ones and call doctor again.", "queue %s: %d more", name, len(faults)-i)
				break
			}
			r.fail(check, "Report this with the run's record: penstock runs get "+f.Run, "queue %s: run %s %s", name, f.Run, f.Rule)
		}
		if len(faults) == 0 {
			r.ok(check, "queue %s: %d runs, all consistent", name, runs)
		}
	}
}

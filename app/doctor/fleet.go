package doctor

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/queue"
)

// maxTaskAge is the age of a waiting task from which a warning is given.
const maxTaskAge = 30 * time.Second

// Fleet gives access to queues and workers. *queue.Client implements it.
type Fleet interface {
	Stats(ctx context.Context) ([]queue.Stats, error)
	Workers(ctx context.Context) ([]queue.Worker, error)
}

// Fleet checks queues and workers.
func (r *Report) Fleet(ctx context.Context, fleet Fleet) {
	stats, err := fleet.Stats(ctx)
	if err == nil {
		r.queues(stats)
	}
	workers, failed := fleet.Workers(ctx)
	if err != nil || failed != nil {
		r.fail("fleet", "See the findings about Redis.", "the queues cannot be read: %v", err)
		return
	}
	r.workers(workers)
}

func (r *Report) queues(all []queue.Stats) {
	for _, q := range all {
		check := "queue " + q.Queue
		switch {
		case q.Paused:
			r.warn(check, "penstock queue resume "+q.Queue+" lets its runs go on.", "paused, with %d tasks that wait", q.Pending)
		case q.Pending > 0 && q.Workers == 0:
			r.fail(check, "Start a worker with --queues "+q.Queue+".", "%d tasks wait and no worker serves it", q.Pending)
		case q.Oldest > maxTaskAge:
			r.warn(check, "Start more workers, or raise --concurrency.", "a task has waited %v", q.Oldest.Round(time.Second))
		case q.Archived > 0:
			r.warn(check, "asynqmon shows why; they are no runs, which are never archived.", "%d tasks of others were given up", q.Archived)
		default:
			r.ok(check, "%d pending, %d active, served by %d", q.Pending, q.Active, q.Workers)
		}
	}
}

func (r *Report) workers(all []queue.Worker) {
	if len(all) == 0 {
		r.warn("workers", "Start one: penstock worker.", "none is alive")
		return
	}
	var versions, draining []string
	for _, w := range all {
		if !slices.Contains(versions, w.Version) {
			versions = append(versions, w.Version)
		}
		if w.Draining {
			draining = append(draining, w.ID)
		}
	}
	switch {
	case len(versions) > 1:
		r.warn("workers", "During an upgrade that is as it should be; else restart the older ones.", "%d alive, of versions %s", len(all), strings.Join(versions, ", "))
	case len(draining) > 0:
		r.warn("workers", "penstock worker resume lets one work again.", "%d alive; drained: %s", len(all), strings.Join(draining, ", "))
	default:
		r.ok("workers", "%d alive, version %s", len(all), versions[0])
	}
}

package console

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/queue"
)

// record reads the run of the path. While Redis does not answer it is that of the history.
func (req *requestState) record() (queue.Record, error) {
	id := req.r.PathValue("run")
	if !req.away {
		return req.console.config.Queue.Record(req.ctx(), id)
	}
	record, err := req.console.config.Queue.RecordArchived(req.ctx(), id)
	if errors.Is(err, queue.ErrNotFound) { // Redis may have it
		err = fmt.Errorf("read run: %w", queue.ErrUnavailable)
	}
	return record, err
}

// runs returns what lists runs. While Redis does not answer it is the history.
func (req *requestState) runs() runlist.Runs {
	if req.away {
		return archivedRuns{req.console.config.Queue}
	}
	return req.console.config.Queue
}

// archivedRuns lists the runs of the history, without Redis.
type archivedRuns struct{ client *queue.Client }

// Unarchived implements runlist.Runs: how many runs Redis has is not known.
func (archivedRuns) Unarchived(context.Context) (open, ended int64, err error) { return 0, 0, nil }

// List implements runlist.Runs. Errors: queue.ErrUnavailable, also when there is no history.
func (a archivedRuns) List(ctx context.Context, l queue.List, each func(*queue.Record)) (queue.Place, bool, error) {
	next, more, err := a.client.ListArchived(ctx, l, each)
	if err != nil { // nor is there anything else to show
		err = fmt.Errorf("list runs: %w: %s", queue.ErrUnavailable, err.Error())
	}
	return next, more, err
}

// redisAwayWarning is the warning of a list of runs without those that only Redis has.
const redisAwayWarning = "Redis does not answer: listed are the ended runs that the history has."

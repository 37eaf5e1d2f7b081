package console

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/queue"
)

// withoutRedis are the pages of the console that show something while Redis does not answer. Read only.
var withoutRedis = []string{
	"GET /{$}", "GET /overview", "GET /chart", "GET /runs", "GET /runs/{run}", "GET /runs/{run}/picture", "GET /runs/{run}/{part}",
	"GET /flows", "GET /flows/{flow}", "GET /flows/{flow}/stats", "GET /flows/schema.json",
}

// checkAway returns an error for a page that needs Redis while that does not answer: the request would wait for it.
func (req *requestState) checkAway(to route) error {
	if req.away && (req.site.Root != Root || !slices.Contains(withoutRedis, to.pattern)) {
		return fmt.Errorf("%s: %w", to.pattern, queue.ErrUnavailable)
	}
	return nil
}

// record reads the run of the path. While Redis does not answer it is that of the history.
func (req *requestState) record() (queue.Record, error) { return req.recordOf(req.r.PathValue("run")) }

// recordOf reads a run, as record does, as the user may see it. Errors: queue.ErrNotFound, also for a run that the user may not see.
func (req *requestState) recordOf(id string) (queue.Record, error) {
	record, err := req.wholeRecord(id)
	if err == nil && !runaccess.Watches(req.who, &record) {
		err = queue.ErrNotFound
	}
	if err != nil {
		return queue.Record{}, err
	}
	return runaccess.Seen(req.who, &record), nil
}

func (req *requestState) wholeRecord(id string) (queue.Record, error) {
	if !req.away {
		return req.console.config.Queue.Record(req.ctx(), id)
	}
	record, err := req.console.config.Queue.RecordArchived(req.ctx(), id)
	if errors.Is(err, queue.ErrNotFound) { // Redis may have it
		err = fmt.Errorf("read run: %w", queue.ErrUnavailable)
	}
	return record, err
}

// runs returns what lists runs as the user may see them. While Redis does not answer it is the history.
func (req *requestState) runs() runlist.Runs {
	if req.away {
		return runaccess.Runs{Lister: archivedRuns{req.console.config.Queue}, Principal: req.who}
	}
	return runaccess.Runs{Lister: req.console.config.Queue, Principal: req.who}
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

package runs

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// maxLongPoll is the longest wait for the end of a run at GET /v1/runs/{run}.
const maxLongPoll = 60 * time.Second

// readRun answers GET /v1/runs/{run}; with ?wait=N after the end of the run or after N seconds.
func (a *api) readRun(c *gin.Context) {
	query, err := auth.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	wait, err := longPoll(query)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	record, err := a.visibleRun(c, auth.ScopeWatchRuns)
	if err == nil && wait > 0 && !record.State.Terminal() {
		httpx.KeepOpen(c, wait)
		record, err = a.awaitEnd(c.Request.Context(), record, wait)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	writeRun(c, &record)
}

// longPoll parses the parameter wait, which is the only one.
func longPoll(query auth.Query) (time.Duration, error) {
	var longest time.Duration
	for _, p := range query.Params() {
		wait, ok := httpx.ParseSeconds(p.Value)
		if p.Name != "wait" || !ok {
			return 0, httpx.BadRequest("bad_query", "the only parameter is wait, in whole seconds")
		}
		longest = min(wait, maxLongPoll)
	}
	return longest, nil
}

// visibleRun returns the run in the path, with what the principal may not see, see writeRun. The error is the same for an unknown run and for one that the principal
// may not access.
func (a *api) visibleRun(c *gin.Context, scope auth.Scope) (queue.Record, error) {
	record, err := a.config.Records.Record(c.Request.Context(), c.Param("run"))
	if err != nil {
		return queue.Record{}, err
	}
	if !runaccess.May(httpx.StateOf(c).Principal, scope, &record) {
		return queue.Record{}, queue.ErrNotFound
	}
	httpx.StateOf(c).Run, httpx.StateOf(c).FlowNumber = record.ID, record.Flow
	c.Header(httpx.HeaderRun, record.ID)
	return record, nil
}

// awaitEnd returns the record after the end of the run or of the wait.
func (a *api) awaitEnd(ctx context.Context, record queue.Record, wait time.Duration) (queue.Record, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, wait, errWaited)
	defer cancel()
	if a.config.Runs == nil {
		return record, nil
	}
	ticket, err := a.config.Runs.Attach(ctx, record.ID)
	if err != nil {
		return record, err
	}
	defer ticket.Close()
	if _, err := ticket.Wait(ctx); err != nil && !errors.Is(context.Cause(ctx), errWaited) {
		return record, cmp.Or(context.Cause(ctx), err)
	}
	return a.config.Records.Record(context.WithoutCancel(ctx), record.ID)
}

// errWaited is the cause of contexts that end after the requested wait.
var errWaited = errors.New("waited long enough")

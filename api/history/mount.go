// Package history has the endpoints that export, hold and erase runs of the history.
package history

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// History has the runs that have ended. *history.DB implements it.
type History interface {
	// Hold keeps runs from being deleted, or no longer does, and returns how many of them it has.
	Hold(ctx context.Context, ids []string, held bool) (int, error)
	// Erase deletes what people have sent and got in runs, unless they are held, and returns those that it has erased.
	Erase(ctx context.Context, ids []string) (erased []string, err error)
}

// Runs lists and reads runs of Redis and the history. *queue.Client implements it.
type Runs interface {
	runlist.Runs
	Record(ctx context.Context, id string) (queue.Record, error)
	// Forget removes runs from Redis that were erased in the history.
	Forget(ctx context.Context, ids []string) error
}

// Deliveries has what arrived at webhooks. *deliveries.Log implements it.
type Deliveries interface {
	// Forget removes deliveries from Redis that became runs, by their flow.
	Forget(ctx context.Context, runs map[int64][]string) error
}

// Config of the routes. The zero Config has no history, which the routes say.
type Config struct {
	History    History
	Runs       Runs
	Deliveries Deliveries

	// ForgetFiles deletes the files that came with an erased run or were made by it, unless a run that continues it needs them.
	// Nil: there are no files.
	ForgetFiles func(ctx context.Context, run string) error
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes to /v1, where requests are authenticated and changes are audited.
func Mount(v1 gin.IRouter, config Config) {
	a := &api{config}
	v1.GET("/history/export", httpx.Requires(auth.ScopeReadRuns), a.exists, a.export)
	v1.POST("/history/hold", httpx.Requires(auth.ScopeUsers), a.exists, a.hold)
	v1.POST("/history/erase", httpx.Requires(auth.ScopeUsers), a.exists, a.erase)
}

var errNotStaff = &httpx.Fault{Status: http.StatusForbidden, Code: "forbidden", Message: "an export has the runs of all callers, which only staff may read"}

var errNoHistory = &httpx.Fault{Status: http.StatusNotFound, Code: "no_history", Message: "the history of runs is off: start the server with --history"}

func (a *api) exists(c *gin.Context) {
	if a.config.History == nil {
		httpx.Fail(c, errNoHistory)
	}
}

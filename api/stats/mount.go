// Package stats has the endpoints of the statistics of runs.
package stats

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/store"
)

// Stats has the statistics of runs that have ended. *history.DB implements it.
type Stats interface {
	Stats(ctx context.Context, q history.StatsQuery) (*history.Stats, error)
}

// Runs counts the runs that the statistics lack. *queue.Client implements it.
type Runs interface {
	// Unarchived returns how many runs have not ended, and how many of the others are not in the history yet.
	Unarchived(ctx context.Context) (open, ended int64, err error)
}

// Config of the routes. Without Stats the others are not read.
type Config struct {
	Stats Stats // nil: there is no history, which the routes say
	Runs  Runs
	Flows *store.Flows
	Now   func() time.Time
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes to /v1, where requests are authenticated.
func Mount(v1 gin.IRouter, config Config) {
	a := &api{config}
	read := httpx.Requires(auth.ScopeReadRuns, auth.ScopeWatchRuns)
	v1.GET("/stats", read, a.ofAll)
	v1.GET("/flows/:flow/stats", read, a.ofFlow)
}

var (
	errNoHistory = &httpx.Fault{Status: http.StatusNotFound, Code: "no_history", Message: "statistics come from the history of runs, which is off: start the server with --history"}
	errNoFlow    = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow for you"}
	errNotStaff  = &httpx.Fault{Status: http.StatusForbidden, Code: "forbidden", Message: "statistics count the runs of all callers, which only staff may read"}
)

// Package runs has the endpoints that list, read, watch, triage, cancel, replay and resume runs.
package runs

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// Runs lists, cancels and watches runs. api.Queue implements it. The error for an unknown run wraps
// queue.ErrNotFound.
type Runs interface {
	runlist.Runs
	// Cancel cancels a run and returns its previous state.
	Cancel(ctx context.Context, id string, why []byte) (queue.State, error)
	// CancelUnwaited cancels a run for its caller, unless another one waits for it.
	CancelUnwaited(ctx context.Context, id string, why []byte) (queue.State, error)
	// SetTriage stores the triage state of a run. The error for a run that has none is queue.ErrNotTriaged.
	SetTriage(ctx context.Context, run string, t queue.Triage) error
	// Attach returns a ticket that waits for the end of a run.
	Attach(ctx context.Context, id string) (runner.Ticket, error)
	// Watch subscribes to the events of a run.
	Watch(ctx context.Context, id string) (Watch, error)
}

// Watch is a subscription to the events of a run. *queue.Watch implements it.
type Watch interface {
	Events() <-chan queue.Event // closed when the reader is too slow
	Close()
}

// Config of the routes. Records, Runner, Flows and Draining are required.
type Config struct {
	Records runner.Records
	Runs    Runs // nil: runs can only be read

	// Runner replays runs with the current flows of Flows or pinned versions of Store. Without a Store runs cannot
	// be replayed.
	Runner *runner.Runner
	Flows  runner.Flows
	Store  *store.Store

	// Operations has the operations on many runs; nil: there are none.
	Operations *operation.Executor

	Draining func() bool // reports whether this process stops; event streams end then
}

// api has the handlers of the routes.
type api struct {
	config  Config
	streams atomic.Int64 // number of open event streams
}

// Mount adds the routes to /v1, where requests are authenticated and changes are audited.
func Mount(v1 gin.IRouter, config Config) {
	a := &api{config: config}
	read := httpx.Requires(auth.ScopeReadRuns, auth.ScopeWatchRuns, auth.ScopeRun)
	v1.GET("/runs/:run", read, a.readRun)
	v1.GET("/runs/:run/input", read, a.readRunInput)
	v1.Match([]string{http.MethodGet, http.MethodHead}, "/runs/:run/files/:file", read, a.readRunFile)
	if config.Runs != nil {
		v1.GET("/runs", read, a.listRuns)
		v1.GET("/runs/:run/events", read, a.watchRun)
		v1.PATCH("/runs/:run", httpx.Requires(auth.ScopeWriteRuns, auth.ScopeRun), a.changeRun)
		v1.POST("/runs/:run/cancel", httpx.Requires(auth.ScopeWriteRuns, auth.ScopeRun), a.cancelRun)
	}
	if config.Runs != nil && config.Operations != nil {
		v1.POST("/runs/bulk", httpx.Requires(auth.ScopeWriteRuns), a.beginOperation)
		v1.GET("/operations", httpx.Requires(auth.ScopeReadRuns, auth.ScopeWatchRuns), a.listOperations)
		v1.GET("/operations/:operation", httpx.Requires(auth.ScopeReadRuns, auth.ScopeWatchRuns), a.readOperation)
		v1.GET("/operations/:operation/results", httpx.Requires(auth.ScopeReadRuns, auth.ScopeWatchRuns), a.listResults)
		v1.POST("/operations/:operation/stop", httpx.Requires(auth.ScopeWriteRuns), a.stopOperation)
	}
	if config.Store != nil {
		v1.POST("/runs/:run/replay", httpx.Requires(auth.ScopeRun), a.replayRun)
		v1.POST("/runs/:run/resume", httpx.Requires(auth.ScopeRun), a.resumeRun)
	}
}

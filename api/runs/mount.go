// Package runs has the endpoints that find, follow, cancel and replay runs.
package runs

import (
	"context"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// Runs finds, ends and follows runs. api.Queue is one. Unknown runs are
// queue.ErrNotFound.
type Runs interface {
	// List calls each for runs in the order of their acceptance, without
	// their data; more: there are others.
	List(ctx context.Context, l queue.List, each func(*queue.Record)) (more bool, err error)
	// Cancel ends a run and returns the state that it had.
	Cancel(ctx context.Context, id string, why []byte) (queue.State, error)
	// Attach waits for the end of a run.
	Attach(ctx context.Context, id string) (runner.Ticket, error)
	// Watch follows a run while it runs.
	Watch(ctx context.Context, id string) (Watch, error)
}

// Watch tells what happens to a run. *queue.Watch is one.
type Watch interface {
	Events() <-chan queue.Event // closed when its reader is too slow
	Close()
}

// Config of the routes. Records, Runner, Flows and Draining are required.
type Config struct {
	Records runner.Records
	Runs    Runs // nil: runs can only be read

	// Runner replays runs, with flows of Flows or versions of Store. Store nil:
	// runs cannot be replayed.
	Runner *runner.Runner
	Flows  runner.Flows
	Store  *store.Store

	Draining func() bool // reports whether this process stops: then streams of events end
}

// api has the handlers of the routes.
type api struct {
	config  Config
	streams atomic.Int64 // of events, open now
}

// Mount adds the routes below /v1, where requests are authenticated and acts
// are audited.
func Mount(v1 gin.IRouter, config Config) {
	a := &api{config: config}
	read := httpx.Requires(auth.ScopeReadRuns, auth.ScopeRun)
	v1.GET("/runs/:run", read, a.readRun)
	v1.GET("/runs/:run/input", read, a.readRunInput)
	if config.Runs != nil {
		v1.GET("/runs", read, a.listRuns)
		v1.GET("/runs/:run/events", read, a.watchRun)
		v1.POST("/runs/:run/cancel", httpx.Requires(auth.ScopeWriteRuns, auth.ScopeRun), a.cancelRun)
	}
	if config.Store != nil {
		v1.POST("/runs/:run/replay", httpx.Requires(auth.ScopeRun), a.replayRun)
	}
}

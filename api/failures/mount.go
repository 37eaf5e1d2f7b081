// Package failures has the endpoints that list, show, resolve and mute failures: groups of runs that failed alike.
package failures

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/failure"
)

// Failures has the failures of all flows. *failure.Store implements it.
type Failures interface {
	List(ctx context.Context, visible func(flow int64) bool) ([]failure.Group, error)
	Failure(ctx context.Context, id string) (failure.Group, error)
	Set(ctx context.Context, id string, state failure.State, until time.Time) error
}

// api has the handlers of the routes.
type api struct {
	failures Failures
	now      func() time.Time
}

// Mount adds the routes to /v1, where requests are authenticated and changes are audited. now is the clock.
func Mount(v1 gin.IRouter, failures Failures, now func() time.Time) {
	a := &api{failures, now}
	read := httpx.Requires(auth.ScopeReadRuns, auth.ScopeWatchRuns)
	v1.GET("/failures", read, a.list)
	v1.GET("/failures/:failure", read, a.read)
	v1.PATCH("/failures/:failure", httpx.Requires(auth.ScopeWriteRuns), a.change)
}

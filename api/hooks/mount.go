// Package hooks receives webhooks: it has package sender verify them, answers the questions of senders, and runs flows.
package hooks

import (
	"context"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/lastuse"
	"github.com/penstock/penstock/internal/sender"
	"github.com/penstock/penstock/store"
)

// Keys gets the public keys of senders, and confirms subscriptions. *sender.Fetcher implements it.
type Keys interface {
	sender.Keys
	// Visit calls a URL once. The error wraps sender.ErrKeys.
	Visit(ctx context.Context, url string) error
}

// Config of the routes. All but Guard and Keys are required.
type Config struct {
	Flows     runner.Flows
	Store     *store.Store // has the secrets, and which flows are enabled
	Authority *auth.Authority
	Runner    *runner.Runner
	Guard     *auth.BruteForceGuard // slows down callers that guess signatures; optional
	Keys      Keys                  // nil: senders whose keys are published are rejected

	Deliveries *deliveries.Log // nil: deliveries are not kept
	// Used is called for each use of a secret; optional. It must not block.
	Used     func(kind lastuse.Kind, name string)
	Draining func() bool // reports whether this process stops; event streams end then. Required with Deliveries
}

// api has the handlers of the routes.
type api struct {
	config       Config
	explanations explanations
	listeners    atomic.Int64 // number of open event streams
}

// Mount adds the routes of senders to r, and those of people to the group v1, where requests are authenticated and changes
// are audited.
func Mount(r, v1 gin.IRouter, config Config) {
	a := &api{config: config}
	r.GET(Path, a.deliver)
	r.HEAD(Path, probe)
	r.POST(Path, a.deliver)
	r.OPTIONS(Path, a.deliver)
	if config.Deliveries == nil {
		return
	}
	read, write := httpx.Requires(auth.ScopeReadRuns), httpx.Requires(auth.ScopeWriteRuns)
	v1.GET("/flows/:flow/deliveries", read, a.listDeliveries)
	v1.GET("/flows/:flow/deliveries/:delivery", read, a.readDelivered)
	v1.GET("/flows/:flow/deliveries/events", read, a.watchDeliveries)
	v1.POST("/flows/:flow/deliveries/:delivery/redeliver", httpx.Requires(auth.ScopeRun), a.redeliver)
	v1.PUT("/flows/:flow/recording", write, a.startRecording)
	v1.DELETE("/flows/:flow/recording", write, a.stopRecording)

	for _, method := range captureMethods {
		r.Handle(method, pathCapture, a.capture)
	}
	v1.POST("/captures", write, a.openCapture)
	v1.GET("/captures/:capture", write, a.readCapture)
	v1.DELETE("/captures/:capture", write, a.closeCapture)
}

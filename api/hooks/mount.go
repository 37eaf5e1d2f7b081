// Package hooks receives webhooks: it has package sender verify them, answers the questions of senders, and runs flows.
package hooks

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
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
}

// api has the handlers of the routes.
type api struct {
	config       Config
	explanations explanations
}

// Mount adds the routes.
func Mount(r gin.IRouter, config Config) {
	a := &api{config: config}
	r.GET(Path, a.deliver)
	r.HEAD(Path, probe)
	r.POST(Path, a.deliver)
	r.OPTIONS(Path, a.deliver)
}

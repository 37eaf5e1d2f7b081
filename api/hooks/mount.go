package hooks

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// Config of the routes. All but Guard are required.
type Config struct {
	Flows     runner.Flows
	Store     *store.Store // has the secrets, and which flows are enabled
	Authority *auth.Authority
	Runner    *runner.Runner
	Guard     *auth.BruteForceGuard // slows down callers that guess signatures; optional
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes.
func Mount(r gin.IRouter, config Config) {
	a := &api{config}
	r.GET(Path, a.challenge)
	r.HEAD(Path, probe)
	r.POST(Path, a.deliver)
	r.OPTIONS(Path, a.preflight)
}

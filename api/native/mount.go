// Package native is the native API for running flows: it responds with the output, or with the address of the run.
package native

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
)

// Config of the routes. Both are required.
type Config struct {
	Flows  runner.Flows
	Runner *runner.Runner
}

// api has the handlers of the routes.
type api struct{ config Config }

// Path is the route below /v1 that runs a flow.
const Path = "/flows/:flow/runs"

// Mount adds the route below /v1, where requests are authenticated.
func Mount(v1 gin.IRouter, config Config) {
	a := &api{config}
	v1.POST(Path, httpx.Requires(auth.ScopeRun), a.runFlow)
}

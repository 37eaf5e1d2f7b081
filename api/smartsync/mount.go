// Package smartsync is the SmartSYNC API: it runs a flow for a caller that signs with a check value, and responds
// with an envelope of its own.
package smartsync

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
)

// Config of the routes. All but Guard, Usage and BodiesRecorded are required.
type Config struct {
	Flows  runner.Flows
	Keys   auth.Keys
	Runner *runner.Runner

	Guard *auth.BruteForceGuard // slows down callers that guess secrets; optional
	Usage auth.UsageCounter     // counts which of two secrets signs a call; optional

	Folders auth.Folders // nil: no rights in folders count

	// BodiesRecorded says that the bodies of rejected requests are recorded as sent. They are then copied before
	// they are changed.
	BodiesRecorded bool
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes.
func Mount(r gin.IRouter, config Config) {
	a := &api{config}
	for _, path := range Paths {
		r.GET(path, a.execute)
		r.POST(path, a.execute)
	}
}

// Package smartsync is the door of SmartSYNC's callers: it runs a flow for who
// signs with a check value, and answers with an envelope of its own.
package smartsync

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
)

// Config of the routes. All but Guesses and Meter are required.
type Config struct {
	Flows  runner.Flows
	Keys   auth.Keys
	Runner *runner.Runner

	Guesses *auth.Guesses // slows down who guesses secrets; nil: nobody is
	Meter   auth.Meter    // counts which secret a call is signed with; nil: nothing is counted

	// BodiesRecorded says that the bodies of refused requests are looked at
	// later, as they were sent.
	BodiesRecorded bool
}

// api is the handler of each route.
type api struct{ config Config }

// Mount adds the door's routes.
func Mount(r gin.IRouter, config Config) {
	a := &api{config}
	for _, path := range Paths {
		r.GET(path, a.execute)
		r.POST(path, a.execute)
	}
}

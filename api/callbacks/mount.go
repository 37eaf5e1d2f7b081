// Package callbacks has the addresses by which somebody lets a step go on that
// waits: a program with JSON, a person with a form.
package callbacks

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/internal/callback"
)

// Config of the routes. Both are required.
type Config struct {
	Callbacks *callback.Signer // reads the tokens of steps that wait
	Call      Call             // gives them what they wait for
}

// api is the handler of each route.
type api struct{ config Config }

// Mount adds the URLs by which somebody lets a waiting step go on.
// The token is the credential.
func Mount(r gin.IRouter, config Config) {
	a := &api{config}
	r.GET(callback.Path+":token", a.askCallback)
	r.POST(callback.Path+":token", a.takeCallback)
}

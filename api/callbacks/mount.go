// Package callbacks serves the addresses that resume a step that waits: a program
// posts JSON, a person a form.
package callbacks

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/internal/callback"
)

// Config of the routes. Both are required.
type Config struct {
	Callbacks *callback.Signer // reads the tokens of steps that wait
	Call      Call             // gives a step what it waits for
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the callback URLs of steps that wait. The token in the URL is the
// credential.
func Mount(r gin.IRouter, config Config) {
	a := &api{config}
	r.GET(callback.Path+":token", a.showConfirmation)
	r.POST(callback.Path+":token", a.acceptCallback)
}

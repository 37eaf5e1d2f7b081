// Package callbacks serves the URLs that resume a waiting step: a program posts JSON, a person posts a form.
package callbacks

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/internal/callback"
)

// Config of the routes. Both are required.
type Config struct {
	Callbacks *callback.Signer // verifies the tokens of waiting steps
	Call      Call             // stores the result and resumes the run
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the callback URLs of waiting steps. The token in the URL is the credential.
func Mount(r gin.IRouter, config Config) {
	a := &api{config}
	r.GET(callback.Path+":token", a.showConfirmation)
	r.POST(callback.Path+":token", a.acceptCallback)
}

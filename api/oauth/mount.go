// Package oauth has the endpoints that issue, introspect and revoke tokens (RFC 6749, 7009, 7662, 8414).
package oauth

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
)

// Config of the routes. Both are required.
type Config struct {
	Authority *auth.Authority
	Audit     *audit.Log // records that a key begins to act as a user
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes to limited, which counts requests, and the public metadata to open.
func Mount(open, limited gin.IRouter, config Config) {
	a := &api{config}
	for _, endpoint := range auth.Endpoints {
		for _, path := range endpoint.Paths {
			limited.POST(path, a.token(endpoint))
		}
	}
	limited.POST(auth.PathIntrospect, a.introspect)
	limited.POST(auth.PathRevoke, a.revoke)
	open.GET(auth.PathMetadata, a.metadata)
	if config.Authority.Registers() {
		limited.POST(auth.PathRegister, a.register)
	}
}

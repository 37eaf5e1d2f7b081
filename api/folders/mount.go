// Package folders has the endpoints that say who has which rights in the folders of flows.
package folders

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/store"
)

// Config of the routes. Store is required.
type Config struct{ Store *store.Store }

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes to /v1, where requests are authenticated and changes are audited. They require no scope: each caller sees the
// folders in which it has a right.
func Mount(v1 gin.IRouter, config Config) {
	a := &api{config}
	v1.GET("/folders", a.list)
	v1.GET("/folders/:folder", a.read)
	v1.PUT("/folders/:folder", a.put)
	v1.DELETE("/folders/:folder", a.remove)
}

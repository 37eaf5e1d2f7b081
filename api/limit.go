package api

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/hooks"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/oauth"
	"github.com/penstock/penstock/api/smartsync"
	"github.com/penstock/penstock/internal/limits"
)

// endpointOf returns the endpoint of a request, by which limits are configured.
func endpointOf(c *gin.Context) string {
	switch route := c.FullPath(); {
	case httpx.StateOf(c).Route != "":
		return "runs"
	case smartsync.Serves(c.Request.URL.Path):
		return "execute"
	case oauth.Serves(c.Request.URL.Path):
		return "token"
	case route == hooks.Path:
		return "hooks"
	case route == pathRun:
		return "runs"
	}
	return "api"
}

// limitAddress counts a request against the limits of its address, separately for each endpoint and route. It runs
// before anything that costs more.
func (a *API) limitAddress(c *gin.Context) {
	if err := a.countAddress(c); err != nil {
		httpx.Fail(c, err)
		return
	}
	c.Next()
}

// countAddress counts a request against the limits of its address: each route of
// the API apart, and each operation of a flow.
func (a *API) countAddress(c *gin.Context) error {
	endpoint := endpointOf(c)
	use := limits.Use{Endpoint: endpoint, IP: c.ClientIP(), Flow: a.requestedFlow(c, endpoint)}
	switch resource := httpx.StateOf(c).Route; {
	case resource != "":
		use.Route = c.Request.Method + " " + resource
	case endpoint == "api":
		use.Route = c.FullPath()
	}
	return httpx.Count(c, "address", use)
}

// requestedFlow returns the number of the flow that an unauthenticated request names; zero: none, or there is no such
// flow.
func (a *API) requestedFlow(c *gin.Context, endpoint string) int64 {
	ref := ""
	switch endpoint {
	case "runs", "hooks":
		ref = c.Param("flow")
	case "execute":
		ref = c.Query("flow")
	}
	if ref == "" || a.config.Flows == nil {
		return 0
	}
	if flow, ok := a.config.Flows.Find(ref); ok {
		return flow.Number
	}
	return 0
}

// limitCredential counts a request against the limits of its principal.
func (a *API) limitCredential(c *gin.Context) {
	if endpoint := endpointOf(c); endpoint == "api" { // the endpoints that run flows count by themselves, once they have found the flow
		if err := httpx.Take(c, endpoint); err != nil {
			httpx.Fail(c, err)
			return
		}
	}
	c.Next()
}

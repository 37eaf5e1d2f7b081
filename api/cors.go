package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/flows"
)

// The methods and headers that pages of another origin may send and read, besides those that the Fetch standard
// always allows. Read only.
var (
	corsMethods = []string{"GET, POST, PUT, PATCH, DELETE"}
	corsHeaders = []string{"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, Mcp-Session-Id, Penstock-Key, Penstock-Signature, Prefer, X-Request-Id"}
	corsExposed = []string{"ETag, Idempotent-Replayed, Link, Location, Mcp-Session-Id, Penstock-Run-Id, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, WWW-Authenticate, X-Request-Id, X-Total-Count"}
	corsMaxAge  = []string{"600"}
	varyOrigin  = "Origin"
)

// CheckOrigins returns an error for a text that is not an origin as browsers send it: a scheme, a host and an
// optional port. "*" is rejected: each origin must be named.
func CheckOrigins(origins []string) error {
	for _, o := range origins {
		if !flows.IsOrigin(o) {
			return fmt.Errorf("%q is no origin, such as https://app.example.org", o)
		}
	}
	return nil
}

// cors allows pages of the configured origins to call the API with a token, never with cookies. Without configured
// origins it does nothing.
func (a *API) cors(c *gin.Context) {
	if len(a.config.Origins) == 0 {
		c.Next()
		return
	}
	h := c.Writer.Header()
	h.Add("Vary", varyOrigin)
	origin := c.GetHeader("Origin")
	if !slices.Contains(a.config.Origins, origin) {
		c.Next()
		return
	}
	h["Access-Control-Allow-Origin"] = []string{origin}
	if c.Request.Method != http.MethodOptions || c.GetHeader("Access-Control-Request-Method") == "" {
		h["Access-Control-Expose-Headers"] = corsExposed
		c.Next()
		return
	}
	h["Access-Control-Allow-Methods"] = corsMethods
	h["Access-Control-Allow-Headers"] = corsHeaders
	if asked := c.GetHeader("Access-Control-Request-Headers"); asked != "" && strings.HasPrefix(c.Request.URL.Path, pathHooks) {
		h["Access-Control-Allow-Headers"] = []string{asked} // each webhook has a header of its own for its token; which one is not revealed
	}
	h["Access-Control-Max-Age"] = corsMaxAge
	c.AbortWithStatus(http.StatusNoContent)
}

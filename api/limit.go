package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/limits"
)

// Limiter bounds how often a caller may use an endpoint. *limits.Limiter is
// one.
type Limiter interface {
	// Take counts one request, or says how long it must wait.
	Take(ctx context.Context, u limits.Use) (limits.Quota, error)
}

// endpointOf names the endpoint of a route, as limits are set for it.
func endpointOf(c *gin.Context) string {
	switch route := c.FullPath(); {
	case isSmartSYNC(c):
		return "execute"
	case isOAuth(c):
		return "token"
	case strings.HasPrefix(route, "/hooks/"):
		return "hooks"
	case route == "/v1/flows/:flow/runs":
		return "runs"
	}
	return "api"
}

// limitAddress counts a request against the limits of its address, each route
// apart. It comes before anything that costs more.
func (a *API) limitAddress(c *gin.Context) {
	endpoint := endpointOf(c)
	use := limits.Use{Endpoint: endpoint, IP: c.ClientIP()}
	if endpoint == "api" {
		use.Route = c.FullPath()
	}
	if err := a.count(c, "address", use); err != nil {
		a.fail(c, err)
		return
	}
	c.Next()
}

// limitCredential counts a request against the limits of its principal.
func (a *API) limitCredential(c *gin.Context) {
	if endpoint := endpointOf(c); endpoint == "api" { // the doors count when they know that there is such a flow
		if err := a.take(c, endpoint); err != nil {
			a.fail(c, err)
			return
		}
	}
	c.Next()
}

// take counts a request against the limits of its principal.
func (a *API) take(c *gin.Context, endpoint string) error {
	p := of(c).principal
	caller := p.String()
	if p.Actor != "" { // whomever it acts as, it is one caller
		caller = string(auth.KindKey) + ":" + p.Actor
	}
	return a.count(c, "credential", limits.Use{Endpoint: endpoint, Caller: caller, Rate: p.Rate})
}

// count counts a request and says in headers what is left
// (draft-ietf-httpapi-ratelimit-headers).
func (a *API) count(c *gin.Context, policy string, use limits.Use) error {
	if a.config.Limiter == nil {
		return nil
	}
	q, err := a.config.Limiter.Take(c.Request.Context(), use)
	if err != nil {
		return errors.Join(auth.ErrUnavailable, err)
	}
	if q.Limit == 0 {
		return nil
	}
	h := c.Writer.Header()
	h.Add("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=%d`, policy, q.Limit, int(q.Window/time.Second)))
	h.Add("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, policy, q.Remaining, int(math.Ceil(q.Reset.Seconds()))))
	if q.Wait > 0 {
		return &fault{Status: http.StatusTooManyRequests, Code: "too_many_requests", Message: "too many requests; slow down", Retry: q.Wait}
	}
	return nil
}

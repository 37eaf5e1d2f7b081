package httpx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/limits"
)

// Limiter limits how often a caller may use an endpoint. *limits.Limiter implements it.
type Limiter interface {
	// Take counts one request, or returns how long it has to wait.
	Take(ctx context.Context, u limits.Use) (limits.Quota, error)
}

// Take counts a request against the limits of its principal. A key that acts as a user is counted as the key.
func Take(c *gin.Context, endpoint string) error {
	p := StateOf(c).Principal
	caller := p.String()
	if p.Actor != "" { // all its impersonations share one limit
		caller = string(auth.KindKey) + ":" + p.Actor
	}
	return Count(c, "credential", limits.Use{Endpoint: endpoint, Caller: caller, Rate: p.Rate})
}

// Count counts a request and writes the remaining quota to the headers (draft-ietf-httpapi-ratelimit-headers).
func Count(c *gin.Context, policy string, use limits.Use) error {
	limiter := StateOf(c).frame.Limiter
	if limiter == nil {
		return nil
	}
	if use.Flow == 0 {
		use.Flow = StateOf(c).FlowNumber
	}
	use.Method, use.Path = c.Request.Method, Route(c)
	q, err := limiter.Take(c.Request.Context(), use)
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
		return &Fault{Status: http.StatusTooManyRequests, Code: "too_many_requests", Message: "too many requests; slow down", Retry: q.Wait}
	}
	return nil
}

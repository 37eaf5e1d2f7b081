package view

import (
	"context"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/internal/rejectlog"
)

// Refused is the list of rejected requests, and the explanation of a request if the user has asked for one.
type Refused struct {
	Items             []rejectlog.Rejection
	Method, URL, Body string            // of the request to explain
	Explanation       *auth.Explanation // nil: not requested
}

// skew describes the difference between two clocks.
func skew(ctx context.Context, c *auth.ClockSkew) string {
	switch {
	case c.Off == 0:
		return language.T(ctx, "the same second as ours")
	case c.Off > 0:
		return language.T(ctx, "%s s behind ours, %s s are allowed", strconv.FormatInt(c.Off, 10), strconv.FormatInt(c.Allowed, 10))
	}
	return language.T(ctx, "%s s ahead of ours, %s s are allowed", strconv.FormatInt(-c.Off, 10), strconv.FormatInt(c.Allowed, 10))
}

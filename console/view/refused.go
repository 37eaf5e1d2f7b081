package view

import (
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/rejectlog"
)

// Refused is the list of rejected requests, and the explanation of a request if the user has asked for one.
type Refused struct {
	Items             []rejectlog.Rejection
	Method, URL, Body string            // of the request to explain
	Explanation       *auth.Explanation // nil: not requested
}

// skew describes the difference between two clocks.
func skew(c *auth.ClockSkew) string {
	switch {
	case c.Off == 0:
		return "the same second as ours"
	case c.Off > 0:
		return strconv.FormatInt(c.Off, 10) + " s behind ours, " + strconv.FormatInt(c.Allowed, 10) + " s are allowed"
	}
	return strconv.FormatInt(-c.Off, 10) + " s ahead of ours, " + strconv.FormatInt(c.Allowed, 10) + " s are allowed"
}

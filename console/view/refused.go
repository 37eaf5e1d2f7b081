package view

import (
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/rejectlog"
)

// Refused is what the doors refused lately, and perhaps the explanation of a
// request.
type Refused struct {
	Items             []rejectlog.Rejection
	Method, URL, Body string            // of the request to be explained
	Explanation       *auth.Explanation // nil: none was asked for
}

// skew says how far two clocks are apart.
func skew(c *auth.ClockSkew) string {
	switch {
	case c.Off == 0:
		return "the same second as ours"
	case c.Off > 0:
		return strconv.FormatInt(c.Off, 10) + " s behind ours, " + strconv.FormatInt(c.Allowed, 10) + " s are allowed"
	}
	return strconv.FormatInt(-c.Off, 10) + " s ahead of ours, " + strconv.FormatInt(c.Allowed, 10) + " s are allowed"
}

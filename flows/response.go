package flows

import (
	"context"
	"net/textproto"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
)

// responsePaths tracks which steps may answer the caller, so that no path through the flow answers twice.
type responsePaths struct {
	before string // path of a step before the current one that may answer; empty: none
	inside string // path of such a step inside the blocks of the current one; empty: none
}

// noteResponder records whether s may answer the caller. The nested steps of s are compiled already.
func (c *compiler) noteResponder(s *step, kind *Kind, outer responsePaths, at yaml.Place) {
	after := outer.before
	if c.responses.inside != "" {
		after = c.responses.inside
	}
	if kind.Responds {
		if outer.before != "" {
			c.Add(mistake.SecondResponse, at, "a caller gets one response", "step %s may have responded to the caller before this one does", outer.before)
		}
		after = s.path
	}
	c.responses = responsePaths{before: after, inside: outer.inside}
}

// afterResponse checks that the after_response steps are the last steps of the flow.
func (c *compiler) afterResponse(s *step, attrs *Args) {
	switch {
	case s.afterResponse && c.depth > 1:
		c.Add(mistake.ResponsePlace, attrs.places["after_response"], "put it on the step around this one", "after_response is for the steps of the flow itself, not for those inside others")
	case s.afterResponse:
		c.afterResponseStep = s.path
	case c.afterResponseStep != "" && c.depth == 1:
		c.Add(mistake.ResponsePlace, attrs.place, "add after_response: true, or move the step up", "%s comes after %s, which runs after the response", s.path, c.afterResponseStep)
	}
}

// splitAfterResponse removes the after_response steps from the block and returns them; nil when there are none.
func (b *Block) splitAfterResponse() (late *Block) {
	for i, s := range b.steps {
		if s.afterResponse {
			late = &Block{steps: b.steps[i:], effects: b.effects}
			b.steps = b.steps[:i:i]
			return late
		}
	}
	return nil
}

// respondError is the failure of a run whose caller could not be answered.
func respondError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Code: CodeInternal, Message: "the caller could not be answered", Err: err}
}

// reservedHeaders are the headers that no response of a flow can have: they frame the response, identify the request or
// the run, affect other resources of the server's origin, or control a proxy. Read only.
var reservedHeaders = []string{
	"Connection", "Content-Length", "Date", "Keep-Alive", "Proxy-Connection", "Trailer", "Transfer-Encoding", "Upgrade",
	"X-Request-Id", "Penstock-Run-Id", "Server-Timing",
	"Proxy-Authenticate", "Set-Cookie", "Set-Login", "Www-Authenticate",
	"Content-Security-Policy", "Content-Security-Policy-Report-Only", "Permissions-Policy", "X-Content-Type-Options", "X-Frame-Options",
	"Cross-Origin-Embedder-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Origin-Agent-Cluster", "Timing-Allow-Origin",
	"Alt-Svc", "Clear-Site-Data", "Expect-Ct", "Nel", "Public-Key-Pins", "Refresh", "Report-To", "Reporting-Endpoints", "Service-Worker-Allowed",
	"Speculation-Rules", "Strict-Transport-Security",
	"X-Sendfile", "X-Lighttpd-Send-File", "X-Reproxy-Url",
}

// ReservedHeaders lists the headers that no response of a flow can have, for documentation.
func ReservedHeaders() []string {
	return append(slices.Sorted(slices.Values(reservedHeaders)), "Access-Control-*", "X-Accel-*")
}

// IsReservedHeader reports whether no response of a flow can have a header.
func IsReservedHeader(name string) bool {
	name = textproto.CanonicalMIMEHeaderKey(name)
	return slices.Contains(reservedHeaders, name) || strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, "X-Accel-")
}

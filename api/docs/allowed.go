package docs

import (
	"slices"

	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// ways are those in which the kinds of principals can authenticate. Read only.
var ways = map[auth.Kind][]string{
	auth.KindUser: {flows.AuthBearer, flows.AuthBasic}, auth.KindClient: {flows.AuthBearer}, auth.KindKey: {flows.AuthBearer, flows.AuthKey},
}

// mayCall reports whether a principal may call an operation of a flow.
func mayCall(p *auth.Principal, flow int64, o *flowdoc.Operation) bool {
	if len(o.Ways) == 0 {
		return true
	}
	if has, known := ways[p.Kind]; known && !slices.ContainsFunc(has, func(way string) bool { return slices.Contains(o.Ways, way) }) {
		return false
	}
	if len(o.Scopes) == 0 {
		return p.May(auth.ScopeRun, flow)
	}
	return !slices.ContainsFunc(o.Scopes, func(scope string) bool { return !p.May(auth.Scope(scope), flow) })
}

// mayTry reports whether a principal may call some operation of a flow, as far as its deployment tells, so that flows
// of others are not compiled.
func mayTry(p *auth.Principal, h *store.Deployment) bool {
	if len(h.Endpoints) == 0 {
		return p.May(auth.ScopeRun, h.Number)
	}
	return slices.ContainsFunc(h.Endpoints, func(e flows.Endpoint) bool {
		return len(e.Scopes) == 0 || !slices.ContainsFunc(e.Scopes, func(s flows.HTTPScope) bool { return !p.May(auth.Scope(s.Name), h.Number) })
	})
}

package auth

import (
	"slices"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// waysOf are those in which the kinds of principals can authenticate, as in flows.Operation. Read only.
var waysOf = map[Kind][]string{
	KindUser: {flows.AuthBearer, flows.AuthBasic}, KindClient: {flows.AuthBearer}, KindKey: {flows.AuthBearer, flows.AuthKey},
}

// MayCall reports whether the principal may call an operation of a flow that takes some ways to authenticate and requires
// scopes. Without ways anybody may; without scopes it takes flows:run for the flow.
func (p *Principal) MayCall(flow int64, ways, scopes []string) bool {
	if len(ways) == 0 {
		return true
	}
	if has, known := waysOf[p.Kind]; known && !slices.ContainsFunc(has, func(way string) bool { return slices.Contains(ways, way) }) {
		return false
	}
	if len(scopes) == 0 {
		return p.May(ScopeRun, flow)
	}
	return !slices.ContainsFunc(scopes, func(scope string) bool { return !p.May(Scope(scope), flow) })
}

// MayCallSome reports whether the principal may call some operation of a flow, as far as its deployment tells, so that
// flows of others are not compiled.
func (p *Principal) MayCallSome(h *store.Deployment) bool {
	if len(h.Endpoints) == 0 {
		return p.May(ScopeRun, h.Number)
	}
	return slices.ContainsFunc(h.Endpoints, func(e flows.Endpoint) bool {
		return len(e.Scopes) == 0 || !slices.ContainsFunc(e.Scopes, func(s flows.HTTPScope) bool { return !p.May(Scope(s.Name), h.Number) })
	})
}

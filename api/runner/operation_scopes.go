package runner

import (
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// CheckScopes rejects a principal that runs a flow by its number, although it does not hold the scopes of all
// operations of the flow: the event, which the caller writes, names the operation. Who may write the flow decides
// what its scopes are, and may run it.
func CheckScopes(p *auth.Principal, f *flows.Flow) error {
	if f.HTTP == nil || p.May(auth.ScopeWriteFlows, f.Number) {
		return nil
	}
	for i := range f.HTTP.Operations {
		for _, s := range f.HTTP.Operations[i].Scopes {
			if scope := auth.Scope(s.Name); !p.May(scope, f.Number) {
				return &auth.Error{
					Code: auth.CodeForbidden, Message: "the scope " + string(scope) + " is required to run this flow by its number",
					Bearer: auth.CodeMissingScope, Scope: scope,
				}
			}
		}
	}
	return nil
}

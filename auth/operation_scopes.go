package auth

import "github.com/penstock/penstock/flows"

// MissingScope returns the error for a principal without a scope (RFC 6750). purpose ends its message; it may be empty.
func MissingScope(scope Scope, purpose string) *Error {
	return &Error{Code: CodeForbidden, Message: "the scope " + string(scope) + " is required" + purpose, Bearer: CodeMissingScope, Scope: scope}
}

// MayOperate reports whether the principal may begin an operation on the runs of a flow, and, if the operation starts runs,
// runs of this version; nil: it is gone, and its runs are skipped.
func (p *Principal) MayOperate(flow int64, starts bool, version *flows.Flow) bool {
	return p.MayForOthers(ScopeWriteRuns, flow) && (!starts || p.May(ScopeRun, flow) && (version == nil || p.CheckOperationScopes(version) == nil))
}

// CheckOperationScopes rejects a principal that runs a flow by its number, although it does not hold the scopes of all
// operations of the flow: the event, which the caller writes, names the operation. Who may write the flow decides what
// its scopes are, and may run it. A flow with an alert trigger is run by staff only: others might tell of what has not
// happened.
func (p *Principal) CheckOperationScopes(f *flows.Flow) error {
	if f.Alert != nil && !p.Staff {
		return &Error{Code: CodeForbidden, Message: "only staff may run a flow with an alert trigger"}
	}
	if f.HTTP == nil || p.May(ScopeWriteFlows, f.Number) {
		return nil
	}
	for i := range f.HTTP.Operations {
		for _, s := range f.HTTP.Operations[i].Scopes {
			if !p.May(Scope(s.Name), f.Number) {
				return MissingScope(Scope(s.Name), " to run this flow by its number")
			}
		}
	}
	return nil
}

package auth

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// Kind is a kind of principal.
type Kind string

// The kinds of principals. They are stored with runs and in the audit log.
const (
	KindKey    Kind = "key"
	KindUser   Kind = "user"
	KindClient Kind = "client"
)

// Scope is one permission. Appending ":<flow number>" narrows it to a flow.
type Scope string

// Principal is the authenticated caller and its permissions. It is created for one request and does not change.
type Principal struct {
	Kind   Kind
	ID     string // the API key, the user's name, the client's identifier
	Name   string // display name, for logs; never a secret
	Scopes []Scope
	Flows  []int64 // flow numbers that the principal may access; nil: all

	// Actor is the API key that acts as the principal; empty: the principal acts itself.
	Actor string
	// Staff says that the principal may read and cancel the runs of other principals.
	Staff bool
	// Rate is the rate limit of the principal, in the syntax of package limits; empty: the limit in the settings.
	Rate string

	// BodyOnly says that the signature covers only the body, so that parameters of the query string must not affect
	// the run.
	BodyOnly bool
	// Repeat identifies a signature whose second use gets the result of the first run; nil: there is no signature,
	// or a second use is rejected.
	Repeat *Repeat
}

// String returns the principal as stored in records: "key:<key>".
func (p *Principal) String() string { return string(p.Kind) + ":" + p.ID }

// May reports whether the principal has a scope for a flow.
func (p *Principal) May(scope Scope, flow int64) bool {
	if p.Flows != nil && !slices.Contains(p.Flows, flow) {
		return false
	}
	return slices.Contains(p.Scopes, scope) ||
		slices.Contains(p.Scopes, scope+":"+Scope(strconv.FormatInt(flow, 10)))
}

// MayForOthers reports whether the principal may apply a scope to what others have started or sent: only staff may.
func (p *Principal) MayForOthers(scope Scope, flow int64) bool { return p.Staff && p.May(scope, flow) }

// StaffMay reports whether the principal with this text, as String returns it, is a user who has the scopes now, and may
// apply them to what others have started.
func StaffMay(ctx context.Context, users *store.Users, principal string, scopes ...Scope) (bool, error) {
	name, isUser := strings.CutPrefix(principal, string(KindUser)+":")
	if !isUser {
		return false, nil
	}
	u, err := users.User(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p := UserPrincipal(u)
	return p.Staff && !slices.ContainsFunc(scopes, func(s Scope) bool { return !p.Holds(s) }), nil
}

// Holds reports whether the principal has a scope for at least one flow.
func (p *Principal) Holds(scope Scope) bool {
	return slices.ContainsFunc(p.Scopes, func(s Scope) bool {
		return s == scope || len(s) > len(scope) && s[:len(scope)] == scope && s[len(scope)] == ':'
	})
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
	if f.Topic != "" && !p.Staff {
		return &Error{Code: CodeForbidden, Message: "only staff may run a flow with a topic trigger: publish an event of its topic"}
	}
	if f.Messages != nil && !p.Staff {
		return &Error{Code: CodeForbidden, Message: "only staff may run a flow with a trigger of messages: send it a message"}
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

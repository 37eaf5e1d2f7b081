package auth

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

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

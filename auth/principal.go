package auth

import (
	"slices"
	"strconv"
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

// Principal is who a request is from and what they may do. It is made for one
// request and not changed.
type Principal struct {
	Kind   Kind
	ID     string // the API key, the user's name, the client's identifier
	Name   string // for people and logs; never a secret
	Scopes []Scope
	Flows  []int64 // the flows it may touch; nil: all

	// Actor is the API key that acts as the principal; empty: nobody does.
	Actor string
	// Staff may see and stop the runs of others.
	Staff bool
	// Rate bounds its requests instead of what the settings say, as package
	// limits reads it; empty: as the settings say.
	Rate string

	// BodyOnly says that the proof covers the body alone, so that nothing of
	// the query string may change what runs.
	BodyOnly bool
	// Repeat is the signature whose repetition is answered with the run of the
	// first; nil: there is none, or a repetition is refused.
	Repeat *Repeat
}

// String names the principal in records: "key:<key>".
func (p *Principal) String() string { return string(p.Kind) + ":" + p.ID }

// May reports whether the principal holds a scope for a flow.
func (p *Principal) May(scope Scope, flow int64) bool {
	if p.Flows != nil && !slices.Contains(p.Flows, flow) {
		return false
	}
	return slices.Contains(p.Scopes, scope) ||
		slices.Contains(p.Scopes, scope+":"+Scope(strconv.FormatInt(flow, 10)))
}

// Holds reports whether the principal holds a scope for at least some flows.
func (p *Principal) Holds(scope Scope) bool {
	return slices.ContainsFunc(p.Scopes, func(s Scope) bool {
		return s == scope || len(s) > len(scope) && s[:len(scope)] == scope && s[len(scope)] == ':'
	})
}

package auth

import (
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// The scopes.
const (
	ScopeRun         Scope = "flows:run"
	ScopeReadFlows   Scope = "flows:read"
	ScopeWriteFlows  Scope = "flows:write"
	ScopeReadRuns    Scope = "runs:read"
	ScopeWriteRuns   Scope = "runs:write"
	ScopeClients     Scope = "clients:admin" // clients, keys, secrets and connections
	ScopeUsers       Scope = "users:admin"   // users and the audit log
	ScopeReadQueues  Scope = "queues:read"
	ScopeWriteQueues Scope = "queues:write"
	ScopePublish     Scope = "events:publish"
)

// Scopes lists all scopes. Read only.
var Scopes = []Scope{
	ScopeRun, ScopeReadFlows, ScopeWriteFlows, ScopeReadRuns, ScopeWriteRuns,
	ScopeClients, ScopeUsers, ScopeReadQueues, ScopeWriteQueues, ScopePublish,
}

// descriptions are what each scope of the server allows. Read only.
var descriptions = map[Scope]string{
	ScopeRun:         "Run flows, and read and cancel the runs that one started",
	ScopeReadFlows:   "Read flows and their versions",
	ScopeWriteFlows:  "Deploy, switch, roll back and delete flows",
	ScopeReadRuns:    "Read runs, and what arrives at webhooks",
	ScopeWriteRuns:   "Cancel the runs of others, record what arrives at webhooks, and send webhooks again",
	ScopeClients:     "Administer clients, keys, secrets and connections",
	ScopeUsers:       "Administer users, and read the audit log",
	ScopeReadQueues:  "Look at queues and workers",
	ScopeWriteQueues: "Pause queues and flows, and drain workers",
	ScopePublish:     "Publish events, which start the flows that subscribe and resume runs that wait",
}

// Describe says what a scope of the server allows; empty for others.
func Describe(s Scope) string { return descriptions[s] }

// narrowable are the scopes that may end in ":<flow number>". Read only.
var narrowable = []Scope{ScopeRun, ScopeReadFlows, ScopeWriteFlows, ScopeReadRuns, ScopeWriteRuns}

// scopesOf maps a role to its scopes. Only users with RoleAPIUser may call the API; the other roles add scopes.
// Read only.
var scopesOf = map[store.Role][]Scope{
	store.RoleAPIUser:  {ScopeRun, ScopeReadFlows, ScopeReadRuns}, // and may cancel its own runs
	store.RoleViewer:   {ScopeReadFlows, ScopeReadRuns, ScopeReadQueues},
	store.RoleOperator: {ScopeRun, ScopeReadFlows, ScopeReadRuns, ScopeWriteRuns, ScopeReadQueues, ScopeWriteQueues, ScopePublish},
	store.RoleAdmin:    Scopes,
	// store.RoleDeveloper adds none: a developer holds what was granted.
}

// UserScopes returns the scopes of a user's roles, each once.
func UserScopes(roles []store.Role) []Scope {
	var all []Scope
	for _, scope := range Scopes {
		if slices.ContainsFunc(roles, func(r store.Role) bool { return slices.Contains(scopesOf[r], scope) }) {
			all = append(all, scope)
		}
	}
	return all
}

// ScopesOf are what a user holds: what the roles allow, and scopes of the installation's own making.
func ScopesOf(u *store.User) []Scope { return append(UserScopes(u.Roles), scopesFrom(u.Scopes)...) }

// clientScopes are the scopes of the server that a developer may be granted, perhaps narrowed to a flow, to make
// clients with. Read only.
var clientScopes = []Scope{ScopeRun, ScopeReadRuns}

// GrantableTo reports whether a user may hold a scope besides those of the roles: one of the installation's own making,
// or for a developer one of clientScopes.
func (s Scope) GrantableTo(u *store.User) bool {
	return s.Own() || slices.Contains(u.Roles, store.RoleDeveloper) && slices.Contains(clientScopes, s.Name())
}

// DeveloperScopes returns the scopes within which a developer may make and use clients, each once; nil for a user who is
// none, or disabled.
func DeveloperScopes(u *store.User) []Scope {
	if !u.Is(store.RoleDeveloper) {
		return nil
	}
	granted := slices.DeleteFunc(scopesFrom(u.Scopes), func(s Scope) bool { return !s.GrantableTo(u) })
	return Intersect(granted, granted)
}

// Own reports whether a scope, perhaps narrowed to a flow, is of the installation's own making: its flows say what it
// allows.
func (s Scope) Own() bool {
	name, _, ok := s.base()
	return ok && !slices.Contains(Scopes, name)
}

// Name is a scope without the flow it is narrowed to; empty: there is no such scope.
func (s Scope) Name() Scope {
	name, _, _ := s.base()
	return name
}

// base splits a scope into its name and the flow it is narrowed to; zero:
// none.
func (s Scope) base() (name Scope, flow int64, ok bool) {
	if slices.Contains(Scopes, s) || flows.CheckScope(string(s)) == "" {
		return s, 0, true
	}
	cut := strings.LastIndexByte(string(s), ':')
	if cut < 0 {
		return "", 0, false
	}
	name, number := s[:cut], string(s[cut+1:])
	flow, err := strconv.ParseInt(number, 10, 64)
	ok = err == nil && flow > 0 && strconv.FormatInt(flow, 10) == number && (slices.Contains(narrowable, name) || flows.CheckScope(string(name)) == "")
	return name, flow, ok
}

// Known reports whether the scope exists.
func (s Scope) Known() bool { _, _, ok := s.base(); return ok }

// Covers reports whether granted includes scope, either as it is or for all flows.
func Covers(granted []Scope, scope Scope) bool {
	name, _, ok := scope.base()
	return ok && (slices.Contains(granted, scope) || slices.Contains(granted, name))
}

// CoversAll reports whether granted includes all of scopes.
func CoversAll(granted, scopes []Scope) bool {
	return !slices.ContainsFunc(scopes, func(s Scope) bool { return !Covers(granted, s) })
}

// Intersect returns the scopes that both lists include.
func Intersect(a, b []Scope) []Scope {
	both := []Scope{}
	for _, list := range [][2][]Scope{{a, b}, {b, a}} {
		for _, s := range list[0] {
			if Covers(list[1], s) && !slices.Contains(both, s) {
				both = append(both, s)
			}
		}
	}
	return both
}

// MissingScope returns the error for a principal without a scope (RFC 6750). purpose ends its message; it may be empty.
func MissingScope(scope Scope, purpose string) *Error {
	return &Error{Code: CodeForbidden, Message: "the scope " + string(scope) + " is required" + purpose, Bearer: CodeMissingScope, Scope: scope}
}

// ParseScopes parses a list of scopes separated by spaces or commas. It keeps unknown scopes and removes
// duplicates.
func ParseScopes(text string) []Scope {
	var all []Scope
	for _, s := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		if !slices.Contains(all, Scope(s)) {
			all = append(all, Scope(s))
		}
	}
	return all
}

// JoinScopes returns scopes as a list with a separator.
func JoinScopes(scopes []Scope, separator string) string {
	return strings.Join(Strings(scopes), separator)
}

// Strings returns scopes as stored.
func Strings(scopes []Scope) []string {
	all := make([]string, len(scopes))
	for i, s := range scopes {
		all[i] = string(s)
	}
	return all
}

// scopesFrom returns stored scopes.
func scopesFrom(all []string) []Scope {
	scopes := make([]Scope, len(all))
	for i, s := range all {
		scopes[i] = Scope(s)
	}
	return scopes
}

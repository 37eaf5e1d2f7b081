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
	ScopeWatchRuns   Scope = "runs:watch"    // part of runs:read
	ScopeFolders     Scope = "folders:admin" // who has which rights in folders
)

// Scopes lists all scopes. Read only.
var Scopes = []Scope{
	ScopeRun, ScopeReadFlows, ScopeWriteFlows, ScopeReadRuns, ScopeWriteRuns,
	ScopeClients, ScopeUsers, ScopeReadQueues, ScopeWriteQueues, ScopePublish, ScopeWatchRuns, ScopeFolders,
}

// descriptions are what each scope of the server allows. Read only.
var descriptions = map[Scope]string{
	ScopeRun:         "Run flows, and read and cancel the runs that one started",
	ScopeReadFlows:   "Read flows and their versions",
	ScopeWriteFlows:  "Deploy, switch, roll back and delete flows",
	ScopeReadRuns:    "Read runs, and what arrives at webhooks",
	ScopeWriteRuns:   "Cancel the runs of others, pause flows, record what arrives at webhooks, and send webhooks again",
	ScopeClients:     "Administer clients, keys, secrets and connections",
	ScopeUsers:       "Administer users, and read the audit log",
	ScopeReadQueues:  "Look at queues and workers",
	ScopeWriteQueues: "Pause queues and flows, and drain workers",
	ScopeWatchRuns:   "See runs, their steps and how they ended, without what they contain",
	ScopeFolders:     "Say who has which rights in the folders of flows",
	ScopePublish:     "Publish events, which start the flows that subscribe and resume runs that wait",
}

// Describe says what a scope of the server allows; empty for others.
func Describe(s Scope) string { return descriptions[s] }

// narrowable are the scopes that may end in ":<flow number>" or ":/<folder>". Read only.
var narrowable = []Scope{ScopeRun, ScopeReadFlows, ScopeWriteFlows, ScopeReadRuns, ScopeWriteRuns, ScopeWatchRuns}

// scopesOf maps a role to its scopes. Only users with RoleAPIUser may call the API; the other roles add scopes.
// Read only.
var scopesOf = map[store.Role][]Scope{
	store.RoleAPIUser:  {ScopeRun, ScopeReadFlows, ScopeReadRuns}, // and may cancel its own runs
	store.RoleViewer:   {ScopeReadFlows, ScopeReadRuns, ScopeReadQueues},
	store.RoleAuthor:   {ScopeRun, ScopeReadFlows, ScopeWriteFlows, ScopeReadRuns, ScopeReadQueues},
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
	name, ok := s.base()
	return ok && !slices.Contains(Scopes, name)
}

// Name is a scope without the flow or folder it is narrowed to; empty: there is no such scope.
func (s Scope) Name() Scope {
	name, _ := s.base()
	return name
}

// base returns the name of a scope without what it is narrowed to.
func (s Scope) base() (name Scope, ok bool) {
	if slices.Contains(Scopes, s) || flows.CheckScope(string(s)) == "" {
		return s, true
	}
	if name, folder, narrowed := s.folder(); narrowed {
		return name, flows.ValidFolder(folder) && (name.narrows() || name == ScopeFolders)
	}
	cut := strings.LastIndexByte(string(s), ':')
	if cut < 0 {
		return "", false
	}
	_, ok = s.flow()
	return s[:cut], ok && s[:cut].narrows()
}

// narrows reports whether a scope may be narrowed to a flow.
func (s Scope) narrows() bool {
	return slices.Contains(narrowable, s) || flows.CheckScope(string(s)) == ""
}

// flow returns the flow that a scope is narrowed to.
func (s Scope) flow() (number int64, ok bool) {
	text := string(s[strings.LastIndexByte(string(s), ':')+1:])
	number, err := strconv.ParseInt(text, 10, 64)
	return number, err == nil && number > 0 && strconv.FormatInt(number, 10) == text
}

// Known reports whether the scope exists.
func (s Scope) Known() bool { _, ok := s.base(); return ok }

// Covers reports whether granted includes scope: as it is, for all flows, or for a folder that its folder is in.
func Covers(granted []Scope, scope Scope) bool {
	name, ok := scope.base()
	if !ok {
		return false
	}
	if slices.Contains(granted, scope) || slices.Contains(granted, name) {
		return true
	}
	if _, folder, narrowed := scope.folder(); narrowed && coversFolder(granted, name, folder) {
		return true
	}
	return name == ScopeWatchRuns && Covers(granted, ScopeReadRuns+scope[len(name):])
}

// CoversAll reports whether granted includes all of scopes.
func CoversAll(granted, scopes []Scope) bool {
	return !slices.ContainsFunc(scopes, func(s Scope) bool { return !Covers(granted, s) })
}

// Intersect returns the scopes that both lists include. A scope for a flow is not in one for a folder.
func Intersect(a, b []Scope) []Scope { return intersect(a, b, nil) }

// intersect is Intersect with what tells which folder a flow is in.
func intersect(a, b []Scope, v *store.FolderView) []Scope {
	a, b = withWatching(a), withWatching(b)
	both := []Scope{}
	for _, list := range [][2][]Scope{{a, b}, {b, a}} {
		for _, s := range list[0] {
			if (Covers(list[1], s) || coversFlow(list[1], s, v)) && !slices.Contains(both, s) {
				both = append(both, s)
			}
		}
	}
	return slices.DeleteFunc(both, func(s Scope) bool { // what runs:read includes
		narrowed, watches := strings.CutPrefix(string(s), string(ScopeWatchRuns))
		return watches && slices.Contains(both, ScopeReadRuns+Scope(narrowed))
	})
}

// withWatching returns a list with the part of each runs:read of it that may be alone.
func withWatching(scopes []Scope) []Scope {
	all := slices.Clip(scopes)
	for _, s := range scopes {
		if s.Name() == ScopeReadRuns {
			all = append(all, ScopeWatchRuns+s[len(ScopeReadRuns):])
		}
	}
	return all
}

// coversFlow reports whether a list of scopes has one for the folder of the flow that a scope is narrowed to.
func coversFlow(granted []Scope, scope Scope, v *store.FolderView) bool {
	name, ok := scope.base()
	number, narrowed := scope.flow()
	if !ok || !narrowed {
		return false
	}
	folder, known := v.Of(number)
	return known && coversFolder(granted, name, folder)
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

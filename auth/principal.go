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

// Scope is one permission. Appending ":<flow number>" narrows it to a flow, and ":/<folder>" to the flows of a folder and of the
// folders in it.
type Scope string

// Principal is the authenticated caller and its permissions. It is created for one request and does not change.
type Principal struct {
	Kind   Kind
	ID     string // the API key, the user's name, the client's identifier
	Name   string // display name, for logs; never a secret
	Scopes []Scope
	Flows  []int64 // flow numbers that the principal may access by Scopes; nil: all

	// Granted are the scopes of rights in folders, which count besides Scopes, and for what others have started, too.
	Granted []Scope
	folders *store.FolderView // tells which folder a flow is in; nil: not known, so that scopes narrowed to a folder count for no flow

	// Actor is the API key that acts as the principal; empty: the principal acts itself.
	Actor string
	// Staff says that the principal may apply Scopes to the runs of other principals.
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

// May reports whether the principal has a scope for a flow; 0: for all flows.
func (p *Principal) May(scope Scope, flow int64) bool {
	return p.mayItself(scope, flow) || p.mayByGrant(scope, flow)
}

// mayItself reports whether the principal has a scope for a flow that is not granted in a folder.
func (p *Principal) mayItself(scope Scope, flow int64) bool {
	return (p.Flows == nil || slices.Contains(p.Flows, flow)) && p.has(p.Scopes, scope, flow)
}

// mayByGrant reports whether a right in a folder gives the principal a scope for a flow.
func (p *Principal) mayByGrant(scope Scope, flow int64) bool {
	return len(p.Granted) > 0 && p.has(p.Granted, scope, flow)
}

// has reports whether a list of scopes has one for a flow.
func (p *Principal) has(held []Scope, scope Scope, flow int64) bool {
	if slices.Contains(held, scope) || slices.Contains(held, scope.of(flow)) || scope == ScopeWatchRuns && p.has(held, ScopeReadRuns, flow) {
		return true
	}
	folder, known := "", false
	return slices.ContainsFunc(held, func(s Scope) bool {
		name, above, narrowed := s.folder()
		if !narrowed || name != scope {
			return false
		}
		if !known {
			if folder, known = p.folders.Of(flow); !known {
				return false
			}
		}
		return flows.InFolder(folder, above)
	})
}

// of narrows a scope to a flow.
func (s Scope) of(flow int64) Scope { return s + ":" + Scope(strconv.FormatInt(flow, 10)) }

// MayForOthers reports whether the principal may apply a scope to what others have started or sent: only staff may, and who has the
// right in the folder of the flow.
func (p *Principal) MayForOthers(scope Scope, flow int64) bool {
	return p.Staff && p.mayItself(scope, flow) || p.mayByGrant(scope, flow)
}

// StaffFor reports whether the principal is staff, at least as to a flow: it sees, or operates, what others start.
func (p *Principal) StaffFor(flow int64) bool {
	return p.Staff || p.mayByGrant(ScopeWatchRuns, flow) || p.mayByGrant(ScopeWriteRuns, flow)
}

// ActsForOthers reports whether there may be a flow of which the principal sees what others start.
func (p *Principal) ActsForOthers() bool { return p.Staff || len(p.Granted) > 0 }

// StaffMay reports whether the principal with this text, as String returns it, is a user who has the scopes now, and may
// apply them to what others have started: for all flows, or for those of a folder.
func StaffMay(ctx context.Context, s *store.Store, principal string, scopes ...Scope) (bool, error) {
	name, isUser := strings.CutPrefix(principal, string(KindUser)+":")
	if !isUser {
		return false, nil
	}
	u, err := s.Users().User(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	v, err := s.Folders().View(ctx)
	if err != nil {
		return false, err
	}
	p := &Principal{Scopes: ScopesOf(u), Staff: isStaff(u), Granted: GrantedToUser(v, u)} // of the console and the API alike
	return !slices.ContainsFunc(scopes, func(s Scope) bool { return !(p.Staff && holds(p.Scopes, s)) && !holds(p.Granted, s) }), nil
}

// Holds reports whether the principal has a scope for at least one flow, or for those of at least one folder.
func (p *Principal) Holds(scope Scope) bool {
	return holds(p.Scopes, scope) || holds(p.Granted, scope) || scope == ScopeWatchRuns && p.Holds(ScopeReadRuns)
}

// holds reports whether a list has a scope, as it is or narrowed.
func holds(held []Scope, scope Scope) bool {
	return slices.ContainsFunc(held, func(s Scope) bool {
		return s == scope || len(s) > len(scope) && s[:len(scope)] == scope && s[len(scope)] == ':'
	})
}

// MayOperate reports whether the principal may begin an operation on the runs of a flow, and, if the operation starts runs,
// runs of this version; nil: it is gone, and its runs are skipped. Whoever may not read the runs of all flows leaves the new runs
// to the callers of the old ones, see ReadsAll.
func (p *Principal) MayOperate(flow int64, starts bool, version *flows.Flow) bool {
	return p.MayForOthers(ScopeWriteRuns, flow) && (!starts || p.May(ScopeRun, flow) && (version == nil || p.CheckOperationScopes(version) == nil))
}

// ReadsAll reports whether the principal may see what the runs of all flows contain, whoever started them. A run that somebody else
// replays is not the caller's own, as otherwise it would show what the replayed run contains.
func (p *Principal) ReadsAll() bool { return p.MayForOthers(ScopeReadRuns, 0) }

// CheckOperationScopes rejects a principal that runs a flow by its number, although it does not hold the scopes of all
// operations of the flow: the event, which the caller writes, names the operation. Who may write the flow decides what
// its scopes are, and may run it. A flow with an alert trigger is run by staff only: others might tell of what has not
// happened.
func (p *Principal) CheckOperationScopes(f *flows.Flow) error {
	if f.Alert != nil && !p.StaffFor(f.Number) {
		return &Error{Code: CodeForbidden, Message: "only staff may run a flow with an alert trigger"}
	}
	if f.Topic != "" && !p.StaffFor(f.Number) {
		return &Error{Code: CodeForbidden, Message: "only staff may run a flow with a topic trigger: publish an event of its topic"}
	}
	if f.Messages != nil && !p.StaffFor(f.Number) {
		return &Error{Code: CodeForbidden, Message: "only staff may run a flow with a trigger of messages: send it a message"}
	}
	if folder, known := p.folders.Of(f.Number); known && folder != f.Folder && !p.MayIn(ScopeRun, f.Folder) && !p.mayByNumber(ScopeRun, f.Number) {
		return &Error{Code: CodeForbidden, Message: "this version of the flow is of the folder " + store.FolderText(f.Folder) + ", in which you may not run flows"}
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

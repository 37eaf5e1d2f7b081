package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// scopesOfRight maps a right in a folder to its scopes, which are narrowed to the folder. Read only.
var scopesOfRight = map[store.Right][]Scope{
	store.RightRun:        {ScopeRun},
	store.RightSee:        {ScopeReadFlows, ScopeWatchRuns},
	store.RightPayloads:   {ScopeReadRuns},
	store.RightEdit:       {ScopeWriteFlows},
	store.RightOperate:    {ScopeWriteRuns},
	store.RightAdminister: {ScopeRun, ScopeReadFlows, ScopeWriteFlows, ScopeWatchRuns, ScopeReadRuns, ScopeWriteRuns, ScopeFolders},
}

// ScopesOfRight returns the scopes that a right in a folder stands for, narrowed to it. A right at the top stands for scopes that are
// not narrowed.
func ScopesOfRight(r store.Right, folder string) []Scope {
	scopes := slices.Clone(scopesOfRight[r])
	for i, s := range scopes {
		scopes[i] = s.within(folder)
	}
	return scopes
}

// within narrows a scope to a folder.
func (s Scope) within(folder string) Scope {
	if folder == "" {
		return s
	}
	return s + ":/" + Scope(folder)
}

// GrantedScopes returns the scopes that folders grant to a principal, "user:ann", and to its groups, each once. nil: none.
func GrantedScopes(v *store.FolderView, principal string, groups []string) []Scope {
	var all []Scope
	for _, g := range v.GrantedTo(principal, groups) {
		for _, r := range g.Rights {
			for _, s := range ScopesOfRight(r, g.Folder) {
				if !slices.Contains(all, s) {
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// GrantedToUser returns the scopes that folders grant to a user; none while the user is disabled.
func GrantedToUser(v *store.FolderView, u *store.User) []Scope {
	if u.Disabled {
		return nil
	}
	return GrantedScopes(v, string(KindUser)+":"+u.Name, u.Groups)
}

// Folders tells of folders. *store.Folders implements it.
type Folders interface {
	View(ctx context.Context) (*store.FolderView, error)
}

// viewOf returns what is known of folders. The error wraps ErrUnavailable.
func viewOf(ctx context.Context, f Folders) (*store.FolderView, error) {
	if f == nil {
		return nil, nil
	}
	v, err := f.View(ctx)
	if err != nil {
		return nil, fmt.Errorf("read folders: %w: %w", ErrUnavailable, err)
	}
	return v, nil
}

// With returns the principal with what folders grant to it, and with what tells which folder a flow is in. groups are those of a user.
func (p *Principal) With(v *store.FolderView, groups []string) *Principal {
	p.folders = v
	p.Granted = GrantedScopes(v, p.String(), groups)
	return p
}

// WithView returns the principal with what tells which folder a flow is in. Nothing is granted to it in folders.
func (p *Principal) WithView(v *store.FolderView) *Principal {
	p.folders = v
	return p
}

// Narrow leaves the principal those scopes that some list covers, too.
func (p *Principal) Narrow(scopes []Scope) {
	p.Scopes = intersect(scopes, p.Scopes, p.folders)
	if p.Granted != nil {
		p.Granted = intersect(scopes, p.Granted, p.folders)
	}
}

// holdsAll reports whether the principal has a scope, as it is narrowed.
func (p *Principal) holdsAll(s Scope) bool {
	return Covers(p.Scopes, s) || Covers(p.Granted, s) || coversFlow(p.Scopes, s, p.folders) || coversFlow(p.Granted, s, p.folders)
}

// MayIn reports whether the principal has a scope for all flows of a folder and of the folders in it; empty: for all flows.
func (p *Principal) MayIn(scope Scope, folder string) bool {
	return p.Flows == nil && coversFolder(p.Scopes, scope, folder) || coversFolder(p.Granted, scope, folder)
}

func coversFolder(held []Scope, scope Scope, folder string) bool {
	return slices.ContainsFunc(held, func(s Scope) bool {
		if s == scope || scope == ScopeWatchRuns && s == ScopeReadRuns {
			return true
		}
		name, above, narrowed := s.folder()
		return narrowed && flows.InFolder(folder, above) && (name == scope || scope == ScopeWatchRuns && name == ScopeReadRuns)
	})
}

// MayBring returns an error unless the principal may bring a flow from one folder to another, or leave it there; exists is false
// for a new flow. It is the rule of store.Change.
func (p *Principal) MayBring(flow int64) func(exists bool, from, to string) error {
	return func(exists bool, from, to string) error {
		switch {
		case exists && from != to && !p.MayIn(ScopeWriteFlows, to):
			return &Error{Code: CodeForbidden, Message: "the right to edit in the folder " + store.FolderText(to) + " is required to bring the flow there from " + store.FolderText(from)}
		case exists && !p.MayIn(ScopeWriteFlows, from) && !p.mayByNumber(ScopeWriteFlows, flow):
			return &Error{Code: CodeForbidden, Message: "the flow is in a folder in which you may not edit"}
		case !exists && !p.MayIn(ScopeWriteFlows, to) && (to != "" || !p.mayByNumber(ScopeWriteFlows, flow)):
			return &Error{Code: CodeForbidden, Message: "the right to edit in the folder " + store.FolderText(to) + " is required: a new flow says in which folder it is"}
		}
		return nil
	}
}

// mayByNumber reports whether the principal has a scope for the number of a flow, whatever folder it is in.
func (p *Principal) mayByNumber(scope Scope, flow int64) bool {
	return (p.Flows == nil || slices.Contains(p.Flows, flow)) && (slices.Contains(p.Scopes, scope) || slices.Contains(p.Scopes, scope.of(flow)))
}

// MayAsTo reports whether the principal has a scope for the flow of a proposal: one that is deployed, or a new one in the folder that its
// file names.
func (p *Principal) MayAsTo(ctx context.Context, s *store.Store, scope Scope, proposed *store.Proposal) bool {
	if proposed.Base != store.NoVersion || p.May(scope, proposed.Flow) {
		return p.May(scope, proposed.Flow)
	}
	flow, err := s.Flows().ProposedFlow(ctx, proposed)
	return err == nil && p.MayIn(scope, flow.Folder)
}

// Has reports whether the principal has a right in a folder, be it granted there or by its scopes. As to runs that is the right to those
// of others.
func (p *Principal) Has(r store.Right, folder string) bool {
	return !slices.ContainsFunc(scopesOfRight[r], func(s Scope) bool {
		itself := p.Flows == nil && (p.Staff || !slices.Contains(ofRuns, s)) && coversFolder(p.Scopes, s, folder)
		return !itself && !coversFolder(p.Granted, s, folder)
	})
}

// ofRuns are the scopes that are for one's own runs alone, unless one is staff. Read only.
var ofRuns = []Scope{ScopeWatchRuns, ScopeReadRuns, ScopeWriteRuns}

// RightsIn returns the rights that the principal has in a folder, in the order of store.Rights.
func (p *Principal) RightsIn(folder string) []store.Right {
	return slices.DeleteFunc(store.Rights(), func(r store.Right) bool { return !p.Has(r, folder) })
}

// folder splits a scope that is narrowed to a folder.
func (s Scope) folder() (name Scope, folder string, ok bool) {
	cut := strings.Index(string(s), ":/")
	if cut < 0 {
		return "", "", false
	}
	return s[:cut], string(s[cut+2:]), true
}

// CheckGrants returns an error unless the principal holds all rights that a change of the grants of a folder gives or takes: nobody
// grants, or takes, what it does not hold itself.
func (p *Principal) CheckGrants(folder string, before, after []store.FolderGrant) error {
	for _, g := range slices.Concat(before, after) {
		for _, r := range g.Rights {
			if slices.Contains(store.Rights(), r) && !p.Has(r, folder) { // the store refuses others
				return &Error{Code: CodeForbidden, Message: "you cannot grant, or take, the right to " + string(r) + ", which you do not hold in this folder"}
			}
		}
	}
	return nil
}

package admin

import (
	"fmt"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// mayGrant rejects a principal that would grant scopes that it does not hold, because it could grant them to
// itself. A principal that may write every flow may also grant the scopes that flows define, because it decides what
// these scopes allow.
func mayGrant(c *gin.Context, scopes []auth.Scope) error {
	p := httpx.StateOf(c).Principal
	writes := auth.Covers(p.Scopes, auth.ScopeWriteFlows)
	if p.Flows != nil || slices.ContainsFunc(scopes, func(s auth.Scope) bool { return !auth.Covers(p.Scopes, s) && (!s.Own() || !writes) }) {
		return &auth.Error{Code: auth.CodeForbidden, Message: "you cannot grant, or use, what you do not hold yourself"}
	}
	return nil
}

// scopesOf returns everything that a user holds: by roles, besides them, and by rights in folders, although the user may be disabled.
func (a *api) scopesOf(c *gin.Context, u *store.User) ([]auth.Scope, error) {
	granted, err := a.granted(c, string(auth.KindUser)+":"+u.Name, u.Groups)
	return append(auth.ScopesOf(u), granted...), err
}

// granted returns the scopes that folders grant to a principal and to its groups.
func (a *api) granted(c *gin.Context, principal string, groups []string) ([]auth.Scope, error) {
	v, err := a.config.Store.Folders().View(c.Request.Context())
	if err != nil {
		return nil, err
	}
	return auth.GrantedScopes(v, principal, groups), nil
}

// checkOwn rejects scopes that are not defined by flows, and scopes that no deployed flow requires, because they are
// probably misspelt. It accepts every scope in before, the earlier scopes of the same holder.
func (a *api) checkOwn(scopes []auth.Scope, before []string) error {
	for _, s := range scopes {
		switch {
		case !s.Own():
			return &store.InvalidError{Member: "scopes", Reason: fmt.Sprintf("must be scopes that flows ask for, as in subscribers:read; %q is none", s)}
		case !a.config.Store.Flows().HasScope(string(s.Name())) && !slices.Contains(before, string(s)):
			return &store.InvalidError{Member: "scopes", Reason: fmt.Sprintf("has %q, which no deployed flow asks for", s)}
		}
	}
	return nil
}

// checkHeld rejects scopes that a user cannot hold besides those of the roles. It accepts every scope in before that the
// roles still allow.
func (a *api) checkHeld(u *store.User, before []string) error {
	held := asScopes(u.Scopes)
	for _, s := range held {
		if !s.Own() && !s.GrantableTo(u) && s.Known() {
			return &store.InvalidError{Member: "scopes", Reason: fmt.Sprintf("has %q: users hold scopes that flows ask for, and developers also flows:run and runs:read, as in flows:run:69", s)}
		}
	}
	return a.checkOwn(slices.DeleteFunc(held, func(s auth.Scope) bool { return !s.Own() && s.Known() }), before)
}

// ownOnly returns the scopes that are defined by flows.
func ownOnly(scopes []auth.Scope) []auth.Scope {
	return slices.DeleteFunc(slices.Clone(scopes), func(s auth.Scope) bool { return !s.Own() })
}

// mayManage rejects a principal that does not hold all scopes of the client.
func (a *api) mayManage(c *gin.Context, client *store.Client) error {
	granted, err := a.granted(c, string(auth.KindClient)+":"+client.Identifier, nil)
	if err != nil {
		return err
	}
	return mayGrant(c, append(asScopes(client.Scopes), granted...))
}

// mayIssue rejects a principal that does not hold the scopes of the API key.
func (a *api) mayIssue(c *gin.Context, k *store.Key) error {
	granted, err := a.granted(c, string(auth.KindKey)+":"+k.Key, nil)
	if err != nil {
		return err
	}
	return mayGrant(c, slices.Concat([]auth.Scope{auth.ScopeRun, auth.ScopeReadRuns}, asScopes(k.Scopes), granted))
}

func asScopes(all []string) []auth.Scope {
	scopes := make([]auth.Scope, len(all))
	for i, s := range all {
		scopes[i] = auth.Scope(s)
	}
	return scopes
}

package admin

import (
	"fmt"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// mayGrant refuses to grant scopes that the principal does not hold, because it
// could grant them to itself. Scopes of the installation's own making may also be
// granted by who may write every flow, and so decides what they allow.
func mayGrant(c *gin.Context, scopes []auth.Scope) error {
	p := httpx.StateOf(c).Principal
	writes := auth.Covers(p.Scopes, auth.ScopeWriteFlows)
	if p.Flows != nil || slices.ContainsFunc(scopes, func(s auth.Scope) bool { return !auth.Covers(p.Scopes, s) && (!s.Own() || !writes) }) {
		return &auth.Error{Code: auth.CodeForbidden, Message: "you cannot grant, or use, what you do not hold yourself"}
	}
	return nil
}

// checkOwn refuses scopes of the installation's own making that no flow asks for,
// which are misspelt, unless the holder had them before. It also refuses what is
// no such scope.
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

// ownOnly are the scopes of the installation's own making among scopes.
func ownOnly(scopes []auth.Scope) []auth.Scope {
	return slices.DeleteFunc(slices.Clone(scopes), func(s auth.Scope) bool { return !s.Own() })
}

// mayHandle refuses who holds less than the client does.
func mayHandle(c *gin.Context, client *store.Client) error {
	return mayGrant(c, asScopes(client.Scopes))
}

// keyGrants refuses principals without the scopes that the secret of an API key
// gives.
func keyGrants(c *gin.Context, k *store.Key) error {
	return mayGrant(c, append([]auth.Scope{auth.ScopeRun, auth.ScopeReadRuns}, asScopes(k.Scopes)...))
}

func asScopes(all []string) []auth.Scope {
	scopes := make([]auth.Scope, len(all))
	for i, s := range all {
		scopes[i] = auth.Scope(s)
	}
	return scopes
}

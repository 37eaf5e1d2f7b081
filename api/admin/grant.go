package admin

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// mayGrant refuses to grant scopes that the principal does not hold, because it
// could grant them to itself.
func mayGrant(c *gin.Context, scopes []auth.Scope) error {
	p := httpx.StateOf(c).Principal
	if p.Flows != nil || !auth.CoversAll(p.Scopes, scopes) {
		return &auth.Error{Code: auth.CodeForbidden, Message: "you cannot grant, or use, what you do not hold yourself"}
	}
	return nil
}

// mayManage refuses who holds less than the client does.
func mayManage(c *gin.Context, client *store.Client) error {
	scopes := make([]auth.Scope, len(client.Scopes))
	for i, s := range client.Scopes {
		scopes[i] = auth.Scope(s)
	}
	return mayGrant(c, scopes)
}

// mayIssueKeys refuses principals without the scopes that the secret of an API key
// gives.
func mayIssueKeys(c *gin.Context) error {
	return mayGrant(c, []auth.Scope{auth.ScopeRun, auth.ScopeReadRuns})
}

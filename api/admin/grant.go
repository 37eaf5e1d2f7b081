package admin

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// mayGrant rejects a principal that would grant scopes that it does not hold, because it could grant them to
// itself.
func mayGrant(c *gin.Context, scopes []auth.Scope) error {
	p := httpx.StateOf(c).Principal
	if p.Flows != nil || !auth.CoversAll(p.Scopes, scopes) {
		return &auth.Error{Code: auth.CodeForbidden, Message: "you cannot grant, or use, what you do not hold yourself"}
	}
	return nil
}

// mayManage rejects a principal that does not hold all scopes of the client.
func mayManage(c *gin.Context, client *store.Client) error {
	scopes := make([]auth.Scope, len(client.Scopes))
	for i, s := range client.Scopes {
		scopes[i] = auth.Scope(s)
	}
	return mayGrant(c, scopes)
}

// mayIssueKeys rejects a principal that does not hold the scopes of API keys.
func mayIssueKeys(c *gin.Context) error {
	return mayGrant(c, []auth.Scope{auth.ScopeRun, auth.ScopeReadRuns})
}

package mcp

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// resourceMetadata describes /mcp as a protected resource (RFC 9728, section 2).
type resourceMetadata struct {
	Resource      string   `json:"resource"`
	Servers       []string `json:"authorization_servers"`
	Scopes        []string `json:"scopes_supported"`
	Ways          []string `json:"bearer_methods_supported"`
	Name          string   `json:"resource_name"`
	Documentation string   `json:"resource_documentation"`
}

// scopes are those that some tool needs. Read only.
var scopes = []auth.Scope{auth.ScopeRun, auth.ScopeReadFlows, auth.ScopeWriteFlows, auth.ScopeReadRuns, auth.ScopeWriteRuns}

// metadata answers GET /.well-known/oauth-protected-resource, also with the path of the resource behind it.
func (a *api) metadata(c *gin.Context) {
	url := a.config.URL
	httpx.Write(c, http.StatusOK, httpx.TypeJSON, flows.EncodeJSON(resourceMetadata{
		Resource: url + Path, Servers: []string{url}, Scopes: auth.Strings(scopes), Ways: []string{"header"},
		Name: "Penstock", Documentation: url + "/docs",
	}))
}

// nameMetadata has a challenge name the metadata (RFC 9728, section 5.1).
func (a *api) nameMetadata(c *gin.Context) {
	httpx.StateOf(c).ResourceMetadata = a.config.URL + PathMetadata + Path
	c.Next()
}

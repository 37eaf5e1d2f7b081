package oauth

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/store"
)

// registration is what a client says about itself (RFC 7591, section 2). Other members are ignored, as the RFC demands.
type registration struct {
	Name      string   `json:"client_name"`
	Redirects []string `json:"redirect_uris"`
	TokenAuth string   `json:"token_endpoint_auth_method"`
	Grants    []string `json:"grant_types"`
}

// registered is the response to a registration (RFC 7591, section 3.2.1).
type registered struct {
	*store.PublicClient
	TokenAuth string   `json:"token_endpoint_auth_method"`
	Grants    []string `json:"grant_types"`
	Responses []string `json:"response_types"`
}

// register answers POST /oauth/register: a client without a secret, which a user must approve before it gets a token.
func (a *api) register(c *gin.Context) {
	body, err := httpx.ReadBody(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	var in registration
	if strictjson.Check(body, httpx.MaxDepth) != nil || json.Unmarshal(body, &in) != nil {
		httpx.Fail(c, invalidRequest("the body must be the metadata of a client (RFC 7591), as JSON"))
		return
	}
	if in.TokenAuth != "" && in.TokenAuth != "none" {
		httpx.Fail(c, invalidRequest("token_endpoint_auth_method: clients that register themselves have no secret: none"))
		return
	}
	if len(in.Grants) > 0 && !slices.Contains(in.Grants, "authorization_code") {
		httpx.Fail(c, invalidRequest("grant_types: clients that register themselves use authorization_code"))
		return
	}
	client := &store.PublicClient{Name: in.Name, Redirects: in.Redirects}
	if err := a.config.Authority.RegisterClient(c.Request.Context(), client); err != nil {
		httpx.Fail(c, err)
		return
	}
	a.note(c, "POST "+auth.PathRegister, audit.Anonymous, client.ID, http.StatusCreated)
	write(c, http.StatusCreated, registered{client, "none", []string{"authorization_code", "refresh_token"}, []string{"code"}})
}

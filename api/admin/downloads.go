package admin

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
)

// makeAssertion answers POST /v1/clients/{identifier}/assertion with a new assertion as a file. It invalidates the
// previous assertion and all tokens of the client.
func (a *api) makeAssertion(c *gin.Context) {
	client, err := a.ownClient(c)
	var text string
	if err == nil {
		text, client, err = a.config.Authority.NewAssertion(c.Request.Context(), client.Identifier)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	download(c, client.Identifier+"-assertion", text, map[string]any{
		"identifier": client.Identifier, "assertion": text, "expires_at": client.Deadline().UTC().Format(time.RFC3339),
	})
}

// makeToken answers POST /v1/clients/{identifier}/token with an access token as a file, for clients that cannot
// request tokens.
func (a *api) makeToken(c *gin.Context) {
	client, err := a.ownClient(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	text, token, err := a.config.Authority.ManualToken(c.Request.Context(), client.Identifier)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	download(c, client.Identifier+"-token", text, map[string]any{
		"access_token": text, "token_type": "bearer", "scope": strings.Join(token.Scopes, ","),
		"expires_in": int(token.ExpiresAt.Sub(token.IssuedAt) / time.Second), "expires_at": token.ExpiresAt.Format(time.RFC3339),
	})
}

// download writes a text file, or JSON if the caller accepts it.
func download(c *gin.Context, name, text string, object map[string]any) {
	if strings.Contains(c.GetHeader("Accept"), "application/json") {
		c.Header("Content-Disposition", `attachment; filename="`+name+`.json"`)
		httpx.WriteJSON(c, http.StatusCreated, object)
		return
	}
	c.Header("Content-Disposition", `attachment; filename="`+name+`.txt"`)
	httpx.Write(c, http.StatusCreated, httpx.TypeText, []byte(text))
}

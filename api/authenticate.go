package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// scheme is a way to prove who one is.
type scheme struct {
	way string // as in flows.Operation; empty: another one
	auth.Authenticator
}

// authenticate resolves the principal of a request by the first scheme that
// the request uses. Without a principal nobody gets further.
func (a *API) authenticate(c *gin.Context) {
	if err := a.authenticateBy(c, nil); err != nil {
		httpx.Fail(c, err)
		return
	}
	c.Next()
}

// authenticateBy resolves the principal of a request by one of some ways; nil:
// by any.
func (a *API) authenticateBy(c *gin.Context, allowed []string) error {
	if p, _ := c.Request.Context().Value(principalKey{}).(*auth.Principal); p != nil && (allowed == nil || slices.Contains(allowed, flows.AuthBearer)) {
		httpx.StateOf(c).Principal = p
		return nil
	}
	r := &auth.Request{
		Method: c.Request.Method,
		Target: c.Request.URL.RequestURI(),
		Header: c.Request.Header,
		Now:    a.config.Now(),
		IP:     c.ClientIP(),
		Body:   func() ([]byte, error) { return httpx.ReadBody(c) },
	}
	for _, s := range a.schemes {
		if allowed != nil && s.way != "" && !slices.Contains(allowed, s.way) {
			continue
		}
		p, err := s.Authenticate(c.Request.Context(), r)
		if err != nil {
			return err
		}
		if p != nil {
			httpx.StateOf(c).Principal = p
			return nil
		}
	}
	return &auth.Error{Code: auth.CodeUnauthorized, Message: "credentials are required: " + offer(allowed)}
}

// principalKey is the key of the principal in the context of a request that ServeAs serves.
type principalKey struct{}

// ServeAs serves a request that this process makes for a principal that it has authenticated otherwise, as a person in the
// developer portal. It may call what takes an access token. The request counts against the same limits as one that
// came from its RemoteAddr. The caller makes all headers: none are those of the browser.
func (a *API) ServeAs(w http.ResponseWriter, r *http.Request, p *auth.Principal) {
	a.serveVia(audit.ViaPortal, w, r, p)
}

// serveVia is ServeAs for a request that comes by a way, as the audit log names it.
func (a *API) serveVia(way string, w http.ResponseWriter, r *http.Request, p *auth.Principal) {
	ctx := context.WithValue(context.WithValue(r.Context(), principalKey{}, p), viaKey{}, way)
	a.ServeHTTP(w, r.WithContext(ctx))
}

// offer describes the credentials that would do.
func offer(allowed []string) string {
	words := map[string]string{flows.AuthBearer: "a bearer token", flows.AuthBasic: "Basic", flows.AuthKey: "a Penstock-Signature"}
	if allowed == nil {
		return "a bearer token, Basic, or a Penstock-Signature"
	}
	var all []string
	for _, way := range allowed {
		all = append(all, words[way])
	}
	return strings.Join(all, " or ")
}

// serveMCP is ServeAs for the tools of the Model Context Protocol.
func (a *API) serveMCP(w http.ResponseWriter, r *http.Request, p *auth.Principal) {
	a.serveVia(audit.ViaMCP, w, r, p)
}

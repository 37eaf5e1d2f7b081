package api

import (
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
)

// authenticate resolves the principal of a request by the first scheme that
// the request uses. Without a principal nobody gets further.
func (a *API) authenticate(c *gin.Context) {
	r := &auth.Request{
		Method: c.Request.Method,
		Target: c.Request.URL.RequestURI(),
		Header: c.Request.Header,
		Now:    a.config.Now(),
		IP:     c.ClientIP(),
		Body:   func() ([]byte, error) { return a.readBody(c) },
	}
	for _, scheme := range a.schemes {
		p, err := scheme.Authenticate(c.Request.Context(), r)
		if err != nil {
			a.fail(c, err)
			return
		}
		if p != nil {
			of(c).principal = p
			c.Next()
			return
		}
	}
	a.fail(c, &auth.Error{Code: auth.CodeUnauthorized, Message: "credentials are required: a bearer token, Basic, or a Penstock-Signature"})
}

// requires lets those through who hold one of the scopes for at least some flows.
func (a *API) requires(scopes ...auth.Scope) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !slices.ContainsFunc(scopes, of(c).principal.Holds) {
			a.fail(c, missingScope(scopes[0]))
			return
		}
		c.Next()
	}
}

// missingScope is what a principal without a scope is told (RFC 6750).
func missingScope(scope auth.Scope) error {
	return &auth.Error{
		Code: auth.CodeForbidden, Message: "the scope " + string(scope) + " is required", Bearer: auth.CodeMissingScope, Scope: scope,
	}
}

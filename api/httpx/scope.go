package httpx

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
)

// Requires rejects principals that hold none of the scopes for any flow.
func Requires(scopes ...auth.Scope) gin.HandlerFunc {
	return func(c *gin.Context) {
		p := StateOf(c).Principal
		for _, scope := range scopes {
			if p.Holds(scope) {
				c.Next()
				return
			}
		}
		Fail(c, missingScope(scopes[0]))
	}
}

// missingScope returns the error for a principal without a scope (RFC 6750).
func missingScope(scope auth.Scope) error {
	return &auth.Error{
		Code: auth.CodeForbidden, Message: "the scope " + string(scope) + " is required", Bearer: auth.CodeMissingScope, Scope: scope,
	}
}

package httpx

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
)

// Requires lets those through who hold one of the scopes for at least some flows.
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

// missingScope is what a principal without a scope is told (RFC 6750).
func missingScope(scope auth.Scope) error {
	return &auth.Error{
		Code: auth.CodeForbidden, Message: "the scope " + string(scope) + " is required", Bearer: auth.CodeMissingScope, Scope: scope,
	}
}

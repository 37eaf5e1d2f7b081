package httpx

import (
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
)

// Requires lets those through who hold one of the scopes for at least some flows.
func Requires(scopes ...auth.Scope) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !slices.ContainsFunc(scopes, StateOf(c).Principal.Holds) {
			Fail(c, missingScope(scopes[0]))
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

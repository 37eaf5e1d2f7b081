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
		Fail(c, auth.MissingScope(scopes[0], ""))
	}
}

package api

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
)

// authenticate sets the principal of a request by the first scheme that the request uses. A request without valid
// credentials is rejected.
func (a *API) authenticate(c *gin.Context) {
	r := &auth.Request{
		Method: c.Request.Method,
		Target: c.Request.URL.RequestURI(),
		Header: c.Request.Header,
		Now:    a.config.Now(),
		IP:     c.ClientIP(),
		Body:   func() ([]byte, error) { return httpx.ReadBody(c) },
	}
	for _, scheme := range a.schemes {
		p, err := scheme.Authenticate(c.Request.Context(), r)
		if err != nil {
			httpx.Fail(c, err)
			return
		}
		if p != nil {
			httpx.StateOf(c).Principal = p
			c.Next()
			return
		}
	}
	httpx.Fail(c, &auth.Error{Code: auth.CodeUnauthorized, Message: "credentials are required: a bearer token, Basic, or a Penstock-Signature"})
}

package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/openapi"
)

const (
	pathDocument = "/openapi.json"
)

// mountDocs adds the OpenAPI document and the reference page.
func (a *API) mountDocs(e *gin.Engine) {
	e.GET(pathDocument, a.serveDescription(httpx.TypeJSON, func(d *openapi.Description) []byte { return d.Document }))
	e.GET(httpx.PathDocs, a.serveDescription(httpx.TypeHTML, func(d *openapi.Description) []byte { return d.Page }))
	e.GET(openapi.StylePath, a.serveDescription(typeCSS, func(*openapi.Description) []byte { return openapi.Style }))
}

// serveDescription returns a handler that writes a part of the description.
func (a *API) serveDescription(contentType []string, part func(*openapi.Description) []byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		d, err := a.description()
		if err != nil {
			httpx.Fail(c, err)
			return
		}
		h := c.Writer.Header()
		h["Content-Security-Policy"] = docsPolicy
		h["Referrer-Policy"] = noReferrer
		httpx.Write(c, http.StatusOK, contentType, part(d))
	}
}

// The page loads a style sheet and nothing else. Read only.
var (
	docsPolicy = []string{"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
	noReferrer = []string{"no-referrer"}
	typeCSS    = []string{"text/css; charset=utf-8"}
)

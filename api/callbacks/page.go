package callbacks

import (
	"html"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
)

const (
	pageOpening = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
		`<meta name="robots" content="noindex"><style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;` +
		`max-width:34rem;margin:12vh auto;padding:0 1.2rem}dt{opacity:.7;font-size:.9rem}dd{margin:0 0 .8rem;overflow-wrap:anywhere}` +
		`button{font:inherit;padding:.5rem 1.4rem}</style><title>`
	// pagePolicy allows a page only to post to its own origin.
	pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

// writeHTML writes a page. body is HTML.
func writeHTML(c *gin.Context, status int, title, body string) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer") // the URL is a credential
	httpx.Write(c, status, httpx.TypeHTML, []byte(pageOpening+escape(title)+"</title><h1>"+escape(title)+"</h1>"+body+"</html>"))
}

func escape(s string) string { return html.EscapeString(s) }

// writeFault writes an error as a page.
func writeFault(c *gin.Context, err error) {
	f := httpx.FaultOf(err)
	httpx.StateOf(c).Fault = f
	if f.Retry > 0 {
		c.Header("Retry-After", httpx.RetryAfter(f.Retry))
	}
	title := http.StatusText(f.Status)
	if f.Status == http.StatusConflict || f.Status == http.StatusGone {
		title = "Too late"
	}
	writeHTML(c, f.Status, title, "<p>"+escape(f.Message)+"</p>")
	c.Abort()
}

package api

import (
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
)

const (
	consoleRoot    = "/console"
	developersRoot = "/developers"
)

// mountConsole mounts the console at its root and that of the developer portal, and redirects the path / to it. The console gets the address of the
// browser as RemoteAddr, also behind a trusted proxy.
func (a *API) mountConsole(e *gin.Engine) {
	e.GET("/", func(c *gin.Context) { c.Redirect(http.StatusFound, consoleRoot) })
	serve := func(c *gin.Context) {
		r := *c.Request
		r.RemoteAddr = net.JoinHostPort(c.ClientIP(), "0")
		a.config.Console.ServeHTTP(c.Writer, &r)
	}
	for _, root := range []string{consoleRoot, developersRoot} {
		e.Any(root, serve)
		e.Any(root+"/*path", serve)
	}
}

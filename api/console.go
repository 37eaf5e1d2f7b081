package api

import (
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
)

// consoleRoot is the path that the console is mounted at.
const consoleRoot = "/console"

// mountConsole mounts the console at its root and redirects the path / to it. The console gets the address of the
// browser as RemoteAddr, also behind a trusted proxy.
func (a *API) mountConsole(e *gin.Engine) {
	e.GET("/", func(c *gin.Context) { c.Redirect(http.StatusFound, consoleRoot) })
	serve := func(c *gin.Context) {
		r := *c.Request
		r.RemoteAddr = net.JoinHostPort(c.ClientIP(), "0")
		a.config.Console.ServeHTTP(c.Writer, &r)
	}
	e.Any(consoleRoot, serve)
	e.Any(consoleRoot+"/*path", serve)
}

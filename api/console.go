package api

import (
	"net"

	"github.com/gin-gonic/gin"
)

// consoleRoot is the path that the console is mounted at.
const consoleRoot = "/console"

// mountConsole gives the console everything below its root. It sees the
// address of the browser where that of a proxy would be.
func (a *API) mountConsole(e *gin.Engine) {
	serve := func(c *gin.Context) {
		r := *c.Request
		r.RemoteAddr = net.JoinHostPort(c.ClientIP(), "0")
		a.config.Console.ServeHTTP(c.Writer, &r)
	}
	e.Any(consoleRoot, serve)
	e.Any(consoleRoot+"/*path", serve)
}

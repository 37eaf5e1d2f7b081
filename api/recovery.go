package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
)

// recovery turns a panic into an internal error. Only the log has the stack.
func (a *API) recovery(c *gin.Context) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		a.config.Log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
			slog.String(attrRequest, httpx.StateOf(c).ID), slog.String(attrRoute, httpx.Route(c)), slog.String(attrStack, string(debug.Stack())))
		httpx.Fail(c, panicError(p))
	}()
	c.Next()
}

// panicError returns an error without the value of the panic, which may contain data of the request, unless the
// value is an error of the runtime.
func panicError(p any) error {
	if err, ok := p.(runtime.Error); ok {
		return err
	}
	return fmt.Errorf("panic with a %T", p)
}

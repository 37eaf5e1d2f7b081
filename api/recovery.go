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

// recovery answers a panic with an internal error in the envelope of the
// door; the stack goes to the log only.
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

// panicError describes a panic without its value, which may quote the
// request, unless the runtime wrote it.
func panicError(p any) error {
	if err, ok := p.(runtime.Error); ok {
		return err
	}
	return fmt.Errorf("panic with a %T", p)
}

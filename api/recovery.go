package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/gin-gonic/gin"
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
			slog.String(attrRequest, of(c).id), slog.String(attrRoute, c.FullPath()), slog.String(attrStack, string(debug.Stack())))
		a.fail(c, panicError(p))
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

// fail ends a request with an error, in the envelope of its door. Headers
// that go with every fault are set here, so that no door forgets one.
func (a *API) fail(c *gin.Context, err error) {
	x := of(c)
	f := faultOf(err)
	x.fault = f
	c.Abort()
	if f.Run == "" && x.run != "" {
		f.Run = x.run
	}
	if errors.Is(f.Err, context.Canceled) || c.Writer.Written() { // nobody listens, or too late
		return
	}
	challenge(c, f)
	if f.Retry > 0 {
		c.Header("Retry-After", retryAfter(f.Retry))
	}
	if f.Close || f.Status == http.StatusRequestEntityTooLarge || f.Status == http.StatusRequestTimeout {
		c.Header("Connection", "close") // the rest of the body is not worth reading
	}
	if isSmartSYNC(c) {
		writeFailure(c, f)
		return
	}
	if isOAuth(c) {
		writeOAuthError(c, f)
		return
	}
	writeProblem(c, f)
}

package api

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/store"
)

// audited writes every act that changes something to the audit log, once it
// is known how it ended; also those that were refused for want of a scope.
// New routes are audited without a word: what is not an administrative act is
// listed here.
func (a *API) audited(c *gin.Context) {
	c.Next()
	x, method := httpx.StateOf(c), c.Request.Method
	status := c.Writer.Status()
	if a.config.Store == nil || x.Principal == nil || method == http.MethodGet || method == http.MethodHead {
		return
	}
	if c.FullPath() == pathRun {
		return // work, not administration; the run's record says who asked
	}
	if status >= http.StatusBadRequest && status != http.StatusForbidden {
		return // nothing changed
	}
	entry := store.Entry{
		Actor: x.Principal.String(), Name: x.Principal.Name, Act: method + " " + c.FullPath(), Object: x.Object,
		Status: status, IP: c.ClientIP(), RequestID: x.ID,
	}
	if entry.Object == "" && len(c.Params) > 0 {
		entry.Object = bounded(c.Params[0].Value)
	}
	// The act is done, whether or not its caller still listens.
	if err := a.config.Store.Audit().Add(context.WithoutCancel(c.Request.Context()), entry); err != nil {
		a.config.Log.LogAttrs(c.Request.Context(), slog.LevelError, "an act is missing in the audit log",
			slog.String("actor", x.Principal.Name), slog.String("act", entry.Act), slog.String(attrError, err.Error()))
	}
}

// bounded cuts what a caller wrote to what a name can be.
func bounded(s string) string { return s[:min(len(s), 128)] }

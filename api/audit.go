package api

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/api/httpx"
)

// audited adds an entry to the audit log for each request that changed something, was rejected for a missing scope, or
// is one that State.Audited names, also when the server failed. Entries are written after the response. New routes are audited by default; the function lists the
// exceptions.
func (a *API) audited(c *gin.Context) {
	c.Next()
	x, method := httpx.StateOf(c), c.Request.Method
	status := c.Writer.Status()
	if a.config.Store == nil || x.Principal == nil || !x.Audited && (method == http.MethodGet || method == http.MethodHead) {
		return
	}
	if c.FullPath() == pathRun {
		return // no administration; the record of the run has the principal
	}
	if status >= http.StatusBadRequest && status != http.StatusForbidden && (!x.Audited || status < http.StatusInternalServerError) {
		return // nothing changed
	}
	entry := audit.Entry{
		Actor: x.Principal.String(), Name: x.Principal.Name, Act: method + " " + c.FullPath(), Object: x.Object,
		Status: status, IP: c.ClientIP(), RequestID: x.ID, Message: x.Message,
	}
	if entry.Object == "" && len(c.Params) > 0 {
		entry.Object = bounded(c.Params[0].Value)
	}
	// The change is made, so the entry is written even when the caller has disconnected.
	if err := a.config.Store.Audit().Add(context.WithoutCancel(c.Request.Context()), entry); err != nil {
		a.config.Log.LogAttrs(c.Request.Context(), slog.LevelError, "an entry is missing in the audit log",
			slog.String("actor", x.Principal.Name), slog.String("act", entry.Act), slog.String(attrError, err.Error()))
	}
}

// bounded shortens text of the caller to the maximum length of a name.
func bounded(s string) string { return s[:min(len(s), 128)] }

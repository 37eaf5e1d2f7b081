package api

import (
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/lastuse"
)

// logRequest writes one log line per request, after the response.
func (a *API) logRequest(c *gin.Context) {
	c.Next()
	x := httpx.StateOf(c)
	a.logRejection(c)
	a.label(c)
	status := c.Writer.Status()
	if x.Fault != nil {
		status = x.Fault.Status
	}
	if a.config.CountCall != nil && x.Principal != nil && x.Principal.Kind == auth.KindClient && endpointOf(c) != "token" {
		a.config.CountCall(x.Principal.ID, status)
	}
	a.noteUse(x.Principal)
	level := slog.LevelInfo
	switch {
	case isProbe(c) && status < http.StatusBadRequest:
		level = slog.LevelDebug // probes come about every second
	case status == http.StatusInternalServerError:
		level = slog.LevelError
	case status > http.StatusInternalServerError: // caused outside of this process: Redis is away, the flow is too slow
		level = slog.LevelWarn
	}
	ctx := c.Request.Context()
	if !a.config.Log.Enabled(ctx, level) {
		return
	}
	var stack [14]slog.Attr
	line := append(stack[:0],
		slog.String(attrRequest, x.ID),
		slog.String(attrMethod, c.Request.Method),
		slog.String(attrRoute, httpx.Route(c)), // not the path: it is the caller's text
		slog.Int(attrStatus, status),
		slog.Int64(attrIn, max(c.Request.ContentLength, int64(len(x.Body())))),
		slog.Int(attrOut, max(c.Writer.Size(), 0)),
		slog.Float64(attrDuration, float64(a.config.Now().Sub(x.Start).Microseconds())/1000),
		slog.String(attrIP, c.ClientIP()),
	)
	if x.Principal != nil {
		line = append(line, slog.String(attrPrincipal, string(x.Principal.Kind)+":"+x.Principal.Name))
	}
	if x.FlowNumber == 0 && c.Param("flow") != "" { // rejected before the handler looked for the flow
		if flow, ok := a.config.Flows.Find(c.Param("flow")); ok {
			x.FlowNumber = flow.Number
		}
	}
	if x.FlowNumber != 0 {
		line = append(line, slog.Int64(attrFlow, x.FlowNumber))
	}
	if x.Run != "" {
		line = append(line, slog.String(attrRun, x.Run), slog.Bool(attrAttached, x.Attached))
	}
	if x.Fault != nil {
		// The message may contain text of the caller; the code cannot.
		line = append(line, slog.String(attrFault, x.Fault.Code))
		if x.Fault.Err != nil {
			line = append(line, slog.String(attrError, x.Fault.Err.Error()))
		}
	}
	a.config.Log.LogAttrs(ctx, level, "request", line...)
}

// noteUse notes that a caller has shown a credential that counts.
func (a *API) noteUse(p *auth.Principal) {
	if a.config.Used == nil || p == nil {
		return
	}
	switch p.Kind {
	case auth.KindKey:
		a.config.Used(lastuse.Key, p.ID)
	case auth.KindUser:
		a.config.Used(lastuse.User, p.ID)
	case auth.KindClient:
		a.config.Used(lastuse.Client, p.ID)
	}
}

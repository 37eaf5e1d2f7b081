package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/fault"
	"github.com/penstock/penstock/api/hooks"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/smartsync"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/rejectlog"
)

// RejectLog stores rejected requests. *rejectlog.Log implements it.
type RejectLog interface {
	Add(rejectlog.Rejection)
}

// maxExplained is the largest body, in bytes, of a signed request whose wrong check value is explained. The limit
// exists because an explanation hashes the body once per known mistake.
const maxExplained = 64 << 10

// logRejection adds a rejected request to run a flow to the reject log, without its body and its credentials.
func (a *API) logRejection(c *gin.Context) {
	x, route := httpx.StateOf(c), httpx.Route(c)
	if a.config.RejectLog == nil || !isRejected(c) {
		return
	}
	r := rejectlog.Rejection{
		Method: c.Request.Method, Route: route, Status: x.Fault.Status, Code: x.Fault.Code, Message: x.Fault.Message,
		Flow: flowOf(c), Key: loggableKey(c.GetHeader(auth.HeaderKey)), IP: c.ClientIP(), RequestID: x.ID,
	}
	if smartsync.Serves(c.Request.URL.Path) {
		query, err := auth.ParseQuery(c.Request.URL.RawQuery)
		if err == nil {
			r.Flow, r.Key = query.Get("flow"), loggableKey(query.Get("key"))
		}
		r.Explain = a.deferExplanation(c, x)
	}
	a.config.RejectLog.Add(r)
}

// flowOf returns the flow that the path names, by its route or by itself.
func flowOf(c *gin.Context) string {
	if x := httpx.StateOf(c); x.Route != "" {
		return strconv.FormatInt(x.FlowNumber, 10)
	}
	return c.Param("flow")
}

// isRejected reports whether the request was to run a flow and was rejected.
func isRejected(c *gin.Context) bool {
	x := httpx.StateOf(c)
	if x.Fault == nil || x.Run != "" || !runsFlow(c) {
		return false
	}
	s := x.Fault.Status
	return s != fault.StatusGone && (s < http.StatusInternalServerError || s == http.StatusServiceUnavailable)
}

// label calls Config.Label for the response. The codes of rejections are constants of this server, so neither a
// caller nor a flow can choose a label.
func (a *API) label(c *gin.Context) {
	if a.config.Label == nil {
		return
	}
	x, refusal := httpx.StateOf(c), ""
	if isRejected(c) {
		refusal = x.Fault.Code
	}
	a.config.Label(c.Request.Context(), x.ByFlow || x.Fault != nil && x.Fault.ByFlow, refusal)
}

// runsFlow reports whether the route runs a flow for an external caller.
func runsFlow(c *gin.Context) bool {
	route := c.FullPath()
	return httpx.StateOf(c).Route != "" || smartsync.Serves(c.Request.URL.Path) || c.Request.Method == http.MethodPost && (route == pathRun || route == hooks.Path)
}

// loggableKey returns the name of a key for the log, or "" when the text cannot be a key, because it may be a
// secret in the wrong place.
func loggableKey(name string) string {
	if len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(keyLetters, r) }) {
		return ""
	}
	return name
}

const keyLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

// deferExplanation returns a function that explains a wrong check value later; nil when the request was rejected
// for another reason or its body is too large.
func (a *API) deferExplanation(c *gin.Context, x *httpx.State) func(context.Context) []string {
	if a.config.Authority == nil || x.Fault.Status != http.StatusUnauthorized || len(x.Body()) > maxExplained {
		return nil
	}
	request := auth.ExplainRequest{Method: c.Request.Method, URL: c.Request.URL.RequestURI(), Body: string(x.Body())}
	return func(ctx context.Context) []string {
		e, err := a.config.Authority.Explain(ctx, &request)
		if err != nil {
			return nil
		}
		return e.Findings
	}
}

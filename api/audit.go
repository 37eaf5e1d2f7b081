package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/changes"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/oauth"
	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/auth"
)

// audited adds an entry to the audit log for each request that changed something, was rejected for a missing scope, or
// is one that State.Audited names, also when the server failed. Entries are written after the response. New routes are audited by default; the function lists the
// exceptions.
func (a *API) audited(c *gin.Context) {
	if c.FullPath() == pathRun {
		return // no administration; the record of the run has the principal
	}
	act := audit.ActOf(c.Request.Method + " " + c.FullPath())
	reads := c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead
	named := namedObject(c)
	var before *changes.State
	if !reads && named != "" {
		before = a.changes.Read(c.Request.Context(), act.Kind, named)
	}
	subject := a.changes.Subject(act.Kind, named)
	c.Next()
	x := httpx.StateOf(c)
	status := c.Writer.Status()
	if a.config.Store == nil || x.Principal == nil || !x.Audited && reads {
		return
	}
	if status >= http.StatusBadRequest && status != http.StatusForbidden && (!x.Audited || status < http.StatusInternalServerError) {
		return // nothing changed
	}
	x.Noted = true
	entry := a.entry(c, act.Name, status)
	if entry.Object == "" {
		entry.Object = bounded(named)
	}
	entry.Subject = subject
	if named == "" {
		entry.Subject = x.Object
	}
	// The change is made, so the entry is written even when the caller has disconnected.
	ctx := context.WithoutCancel(c.Request.Context())
	if status == http.StatusForbidden {
		entry.LogMissing(ctx, a.config.Log, a.config.Store.Audit().Refuse(ctx, entry))
		return
	}
	if !reads && status < http.StatusBadRequest {
		entry.Changes = changes.Between(before, a.changes.Read(ctx, act.Kind, entry.Subject))
	}
	entry.LogMissing(ctx, a.config.Log, a.config.Store.Audit().Add(ctx, entry))
}

// entry returns the entry of a request of an authenticated caller.
func (a *API) entry(c *gin.Context, act string, status int) audit.Entry {
	x := httpx.StateOf(c)
	return audit.Entry{
		Actor: x.Principal.String(), Name: x.Principal.Name, ActedAs: x.Principal.Actor, Via: via(c), Act: act, Object: x.Object,
		Status: status, IP: c.ClientIP(), RequestID: x.ID, Message: x.Message,
	}
}

// namedObject returns what the path names; empty: nothing, or a capture, whose token is a secret.
func namedObject(c *gin.Context) string {
	if len(c.Params) == 0 || c.Params[0].Key == "capture" {
		return ""
	}
	return c.Params[0].Value
}

// viaKey is the key of the way by which ServeAs serves a request.
type viaKey struct{}

// agentCLI is the beginning of the User-Agent of the command penstock. It is the caller's own word.
const agentCLI = "penstock-cli/"

// via returns through what a request came; empty: not known.
func via(c *gin.Context) string {
	if way, _ := c.Request.Context().Value(viaKey{}).(string); way != "" {
		return way
	}
	if strings.HasPrefix(c.GetHeader("User-Agent"), agentCLI) {
		return audit.ViaCLI
	}
	scheme, _, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return audit.ViaToken
	case strings.EqualFold(scheme, "Basic"):
		return audit.ViaPassword
	case c.GetHeader("Penstock-Signature") != "":
		return audit.ViaSignature
	}
	return ""
}

// wrongCredentials are the codes of errors about credentials that are wrong. Read only.
var wrongCredentials = map[string]bool{
	string(auth.CodeUnauthorized): true, string(auth.CodeInvalidToken): true, string(auth.CodeSlowDown): true, string(auth.CodeReplayed): true,
	string(auth.CodeInvalidGrant): true, string(auth.CodeInvalidClient): true, string(auth.CodeForbidden): true,
}

// refusals notes requests with wrong credentials. Those without any are not noted: they have tried nothing.
func (a *API) refusals(c *gin.Context) {
	c.Next()
	x := httpx.StateOf(c)
	if a.config.Store == nil || x.Fault == nil || x.Noted || x.Principal != nil || !wrongCredentials[x.Fault.Code] {
		return
	}
	asks := oauth.Serves(c.FullPath())
	if !asks && c.GetHeader("Authorization") == "" && c.GetHeader("Penstock-Signature") == "" && c.Query("check") == "" {
		return
	}
	ctx := context.WithoutCancel(c.Request.Context())
	e := audit.Entry{
		Actor: audit.Anonymous, Via: via(c), Act: c.Request.Method + " " + c.FullPath(), Summary: "Showed a wrong credential: " + x.Fault.Code,
		Object: a.claimed(c, asks), Status: x.Fault.Status, IP: c.ClientIP(), RequestID: x.ID,
	}
	e.Subject = strings.TrimPrefix(strings.TrimPrefix(e.Object, "user:"), "client:")
	if e.Object != "" {
		e.Kind, _, _ = strings.Cut(e.Object, ":")
	}
	e.LogMissing(ctx, a.config.Log, a.config.Store.Audit().Refuse(ctx, e))
}

// claimed returns the user or client that a request without a valid credential names; empty: it names none that there is. Other
// names are left out, because people enter passwords in their place.
func (a *API) claimed(c *gin.Context, asks bool) string {
	names := []string{}
	if name, _, ok := c.Request.BasicAuth(); ok {
		names = append(names, name)
	}
	if form, err := url.ParseQuery(string(httpx.StateOf(c).Body())); asks && err == nil {
		names = append(names, form.Get("username"), form.Get("client_id"))
	}
	for _, name := range names {
		if u, err := a.config.Store.Users().User(c.Request.Context(), name); err == nil {
			return "user:" + u.Name
		}
		if k, err := a.config.Store.Clients().Client(c.Request.Context(), name); err == nil {
			return "client:" + k.Identifier
		}
	}
	return ""
}

// bounded shortens text of the caller to the maximum length of a name.
func bounded(s string) string { return audit.Bounded(s, 128) }

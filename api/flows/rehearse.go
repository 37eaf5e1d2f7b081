package flows

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue/rehearsal"
	"github.com/penstock/penstock/store"
)

// rehearseFlow answers POST /v1/flows/{flow}/rehearsals: what would differ in the latest runs with the flow in the body, or with
// a stored version.
func (a *api) rehearseFlow(c *gin.Context) {
	h, err := a.deployment(c, auth.ScopeWriteFlows)
	if err == nil {
		err = mayReadRuns(httpx.StateOf(c).Principal, h.Number)
	}
	var o rehearsal.Options
	if err == nil {
		o, err = a.rehearsalOptions(c, &h)
	}
	if err == nil {
		o.Current, err = a.config.Store.Flows().Version(c.Request.Context(), h.Number, h.Version)
	}
	var report *rehearsal.Report
	if err == nil {
		report, err = a.config.Rehearser.Rehearse(c.Request.Context(), o)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, report)
}

// mayReadRuns returns an error for a principal who may not read what others have sent to the flow.
func mayReadRuns(p *auth.Principal, flow int64) error {
	if p.MayForOthers(auth.ScopeReadRuns, flow) {
		return nil
	}
	return &auth.Error{Code: auth.CodeForbidden, Message: "the scope " + string(auth.ScopeReadRuns) + " is required: the response shows what runs have done"}
}

// mayWatchRuns returns an error for a principal who may not see how the runs of others end.
func mayWatchRuns(p *auth.Principal, flow int64) error {
	if p.MayForOthers(auth.ScopeWatchRuns, flow) {
		return nil
	}
	return &auth.Error{Code: auth.CodeForbidden, Message: "the scope " + string(auth.ScopeWatchRuns) + " is required: the response shows how runs have ended"}
}

// rehearsalOptions reads the query parameters and the version that is rehearsed.
func (a *api) rehearsalOptions(c *gin.Context, h *store.Deployment) (o rehearsal.Options, err error) {
	query, err := httpx.Query(c.Request)
	if err != nil {
		return o, err
	}
	version := ""
	for name, values := range query {
		switch value := values[0]; name {
		case "runs":
			if o.Runs, err = strconv.Atoi(value); err != nil || o.Runs < 1 || o.Runs > rehearsal.MaxRuns {
				return o, httpx.BadRequest("bad_query", "runs is a number from 1 to "+strconv.Itoa(rehearsal.MaxRuns))
			}
		case "since":
			if o.Since, err = time.Parse(time.RFC3339, value); err != nil {
				return o, httpx.BadRequest("bad_query", "since is a time such as 2026-11-21T20:00:00Z")
			}
		case "version":
			version = value
		default:
			return o, httpx.BadRequest("bad_query", "there is no parameter "+strconv.Quote(name)+": there are runs, since and version")
		}
	}
	if version == "" {
		o.Version, err = a.readSource(c)
		return o, err
	}
	if c.Request.ContentLength != 0 {
		return o, httpx.BadRequest("bad_query", "version goes without a body: the body is the version that is rehearsed")
	}
	o.Version, err = a.versionNamed(c, h, version)
	return o, err
}

// versionNamed returns a stored version by a unique prefix.
func (a *api) versionNamed(c *gin.Context, h *store.Deployment, prefix string) (*flows.Flow, error) {
	var found []string
	for _, d := range h.History {
		if strings.HasPrefix(d.Version, prefix) {
			found = append(found, d.Version)
		}
	}
	if len(found) != 1 {
		return nil, errNoVersion
	}
	return a.config.Store.Flows().Version(c.Request.Context(), h.Number, found[0])
}

package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// mountFlows adds the endpoints that manage flows.
func (a *API) mountFlows(group *gin.RouterGroup) {
	read, write := httpx.Requires(auth.ScopeReadFlows), httpx.Requires(auth.ScopeWriteFlows)
	group.GET("", read, a.listFlows)
	group.GET("/:flow", read, a.readFlow)
	group.PUT("/:flow", write, a.putFlow)
	group.DELETE("/:flow", write, a.deleteFlow)
	group.GET("/:flow/versions", read, a.listVersions)
	group.GET("/:flow/versions/:version", read, a.readVersion)
	group.POST("/:flow/enable", write, a.enableFlow)
	group.POST("/:flow/disable", write, a.disableFlow)
	group.POST("/:flow/rollback", write, a.rollbackFlow)
}

// flowView is a flow as its reader sees it.
type flowView struct {
	Number     int64     `json:"flow"`
	Slug       string    `json:"slug,omitempty"`
	Name       string    `json:"name,omitempty"`
	Version    string    `json:"version"`
	Enabled    bool      `json:"enabled"`
	Trigger    string    `json:"trigger"`            // webhook, schedule, poll, manual; empty: it cannot run here
	Paused     time.Time `json:"paused_at,omitzero"` // since when its runs wait; absent: they begin
	DeployedAt time.Time `json:"deployed_at"`
	Versions   int       `json:"versions"`           // that it can be rolled back to, the current one included
	Schedule   string    `json:"schedule,omitempty"` // of a schedule or poll: CRON_TZ=zone and the cron expression

	Next    []time.Time `json:"next,omitempty"`    // the next times at which that fires, when the flow is enabled
	Problem string      `json:"problem,omitempty"` // why this server cannot run it
	Source  string      `json:"source,omitempty"`  // not in listings
}

func (a *API) viewFlow(h *store.Head) flowView {
	v := flowView{
		Number: h.Number, Slug: h.Slug, Name: h.Name, Version: h.Version, Enabled: h.Enabled, Paused: h.Paused,
		DeployedAt: h.DeployedAt, Versions: len(h.History), Schedule: h.Schedule, Problem: h.Problem,
	}
	flow, ok := a.config.Flows.Find(flowNumber(h.Number))
	switch {
	case !ok:
	case flow.Webhook != nil:
		v.Trigger = "webhook"
	case flow.Schedule != nil && flow.Schedule.Poll:
		v.Trigger = "poll"
	case flow.Schedule != nil:
		v.Trigger = "schedule"
	default:
		v.Trigger = "manual"
	}
	if ok && flow.Schedule != nil && h.Enabled {
		v.Next = nextTimes(flow.Schedule, a.config.Now())
	}
	return v
}

// nextTimes are the next three times at which a schedule fires.
func nextTimes(s *flows.Schedule, now time.Time) (next []time.Time) {
	for at := s.Next(now); !at.IsZero() && len(next) < 3; at = s.Next(at) {
		next = append(next, at)
	}
	return next
}

// listFlows answers GET /v1/flows with those that the principal may read.
func (a *API) listFlows(c *gin.Context) {
	views := []flowView{}
	for _, h := range a.config.Store.Flows().List() {
		if httpx.StateOf(c).Principal.May(auth.ScopeReadFlows, h.Number) {
			views = append(views, a.viewFlow(&h))
		}
	}
	httpx.List(c, listing.Schema[flowView]{Order: "flow", Fields: []listing.Field[flowView]{
		listing.Number("flow", func(v *flowView) int64 { return v.Number }),
		listing.Text("slug", func(v *flowView) string { return v.Slug }),
		listing.Text("name", func(v *flowView) string { return v.Name }),
		listing.Text("version", func(v *flowView) string { return v.Version }),
		listing.Text("trigger", func(v *flowView) string { return v.Trigger }),
		listing.Bool("enabled", func(v *flowView) bool { return v.Enabled }),
		listing.Bool("paused", func(v *flowView) bool { return !v.Paused.IsZero() }),
		listing.Time("deployed_at", func(v *flowView) time.Time { return v.DeployedAt }),
	}}, views)
}

// head returns what is deployed under the number or slug in the path. A flow
// that the principal may not touch is as unknown as one that is not there.
func (a *API) head(c *gin.Context, scope auth.Scope) (store.Head, error) {
	h, err := a.config.Store.Flows().Head(c.Param("flow"))
	if err != nil {
		return store.Head{}, errNoFlow
	}
	if !httpx.StateOf(c).Principal.May(scope, h.Number) {
		return store.Head{}, errNoFlow
	}
	httpx.StateOf(c).Object = "flow:" + flowNumber(h.Number)
	return h, nil
}

var errNoFlow = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow for you"}

// readFlow answers GET /v1/flows/{flow}, with its source.
func (a *API) readFlow(c *gin.Context) {
	h, err := a.head(c, auth.ScopeReadFlows)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.writeFlow(c, http.StatusOK, &h)
}

// writeFlow answers with a flow and its source.
func (a *API) writeFlow(c *gin.Context, status int, h *store.Head) {
	source, err := a.config.Store.Flows().Source(c.Request.Context(), h.Number, h.Version)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	v := a.viewFlow(h)
	v.Source = string(source)
	c.Header("ETag", `"`+h.Version+`"`)
	httpx.WriteJSON(c, status, v)
}

// versionView is one version of a flow.
type versionView struct {
	Version    string    `json:"version"`
	DeployedAt time.Time `json:"deployed_at"`
	Current    bool      `json:"current"`
	Source     string    `json:"source,omitempty"` // not in listings
}

// listVersions answers GET /v1/flows/{flow}/versions, the newest first.
func (a *API) listVersions(c *gin.Context) {
	h, err := a.head(c, auth.ScopeReadFlows)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	views := make([]versionView, len(h.History))
	for i, d := range h.History {
		views[i] = versionView{Version: d.Version, DeployedAt: d.DeployedAt, Current: d.Version == h.Version}
	}
	httpx.List(c, listing.Schema[versionView]{Fields: []listing.Field[versionView]{
		listing.Text("version", func(v *versionView) string { return v.Version }),
		listing.Time("deployed_at", func(v *versionView) time.Time { return v.DeployedAt }),
		listing.Bool("current", func(v *versionView) bool { return v.Current }),
	}}, views)
}

// readVersion answers GET /v1/flows/{flow}/versions/{version}, with its source.
// The first digits of a version name it when no other begins with them.
func (a *API) readVersion(c *gin.Context) {
	h, err := a.head(c, auth.ScopeReadFlows)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	var found []versionView
	for _, d := range h.History {
		if strings.HasPrefix(d.Version, c.Param("version")) {
			found = append(found, versionView{Version: d.Version, DeployedAt: d.DeployedAt, Current: d.Version == h.Version})
		}
	}
	if len(found) != 1 {
		httpx.Fail(c, &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "the flow has no such version, or several that begin like this"})
		return
	}
	source, err := a.config.Store.Flows().Source(c.Request.Context(), h.Number, found[0].Version)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	found[0].Source = string(source)
	httpx.WriteJSON(c, http.StatusOK, found[0])
}

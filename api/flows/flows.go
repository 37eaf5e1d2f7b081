package flows

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// listFlows answers GET /v1/flows with the flows that the principal may read.
func (a *api) listFlows(c *gin.Context) {
	views := []flowView{}
	for _, h := range a.config.Store.Flows().List() {
		if httpx.StateOf(c).Principal.May(auth.ScopeReadFlows, h.Number) {
			views = append(views, a.viewFlow(c, &h))
		}
	}
	httpx.List(c, listing.Schema[flowView]{Order: "flow", Fields: []listing.Field[flowView]{
		listing.Number("flow", func(v *flowView) int64 { return v.Number }),
		listing.Text("slug", func(v *flowView) string { return v.Slug }),
		listing.Text("name", func(v *flowView) string { return v.Name }),
		listing.List("tags", func(v *flowView) []string { return v.Tags }),
		listing.Text("folder", func(v *flowView) string { return v.Folder }),
		listing.Text("version", func(v *flowView) string { return v.Version }),
		listing.Text("trigger", func(v *flowView) string { return v.Trigger }),
		listing.Bool("enabled", func(v *flowView) bool { return v.Enabled }),
		listing.Bool("paused", func(v *flowView) bool { return !v.Paused.IsZero() }),
		listing.Time("deployed_at", func(v *flowView) time.Time { return v.DeployedAt }),
	}}, views)
}

// deployment returns the deployed flow with the number or slug in the path. The error is the same for an unknown flow
// and for one that the principal may not access.
func (a *api) deployment(c *gin.Context, scope auth.Scope) (store.Deployment, error) {
	h, err := a.config.Store.Flows().Deployment(c.Param("flow"))
	if err != nil {
		return store.Deployment{}, errNoFlow
	}
	if !httpx.StateOf(c).Principal.May(scope, h.Number) {
		return store.Deployment{}, errNoFlow
	}
	httpx.StateOf(c).Object = "flow:" + flowNumber(h.Number)
	return h, nil
}

var errNoFlow = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow for you"}

// readFlow answers GET /v1/flows/{flow} with the flow and its source.
func (a *api) readFlow(c *gin.Context) {
	h, err := a.deployment(c, auth.ScopeReadFlows)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.writeFlow(c, http.StatusOK, &h, nil)
}

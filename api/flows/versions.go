package flows

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
)

// versionView is one version of a flow.
type versionView struct {
	Version    string    `json:"version"`
	DeployedAt time.Time `json:"deployed_at"`
	Current    bool      `json:"current"`
	Source     string    `json:"source,omitempty"` // not in listings
}

// listVersions answers GET /v1/flows/{flow}/versions, the newest first.
func (a *api) listVersions(c *gin.Context) {
	h, err := a.deployment(c, auth.ScopeReadFlows)
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

// readVersion answers GET /v1/flows/{flow}/versions/{version} with the source. A unique prefix of the version is
// enough.
func (a *api) readVersion(c *gin.Context) {
	h, err := a.deployment(c, auth.ScopeReadFlows)
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
		httpx.Fail(c, errNoVersion)
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

var errNoVersion = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "the flow has no such version, or several that begin like this"}

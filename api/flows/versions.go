package flows

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// versionView is one version of a flow.
type versionView struct {
	Version    string    `json:"version"`
	DeployedAt time.Time `json:"deployed_at"`
	Current    bool      `json:"current"`
	By         string    `json:"by,omitempty"`      // the principal that deployed it
	Message    string    `json:"message,omitempty"` // what that one said about it
	Source     string    `json:"source,omitempty"`  // not in listings
}

func viewVersion(d store.VersionEntry, h *store.Deployment) versionView {
	return versionView{Version: d.Version, DeployedAt: d.DeployedAt, Current: d.Version == h.Version, By: d.By, Message: d.Message}
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
		views[i] = viewVersion(d, &h)
	}
	httpx.List(c, listing.Schema[versionView]{Fields: []listing.Field[versionView]{
		listing.Text("version", func(v *versionView) string { return v.Version }),
		listing.Time("deployed_at", func(v *versionView) time.Time { return v.DeployedAt }),
		listing.Bool("current", func(v *versionView) bool { return v.Current }),
		listing.Text("by", func(v *versionView) string { return v.By }),
		listing.Text("message", func(v *versionView) string { return v.Message }),
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
			found = append(found, viewVersion(d, &h))
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

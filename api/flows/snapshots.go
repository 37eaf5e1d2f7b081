package flows

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/snapshot"
)

// snapshotView is the snapshot of a changes step.
type snapshotView struct {
	Name string    `json:"name"`
	Keys int       `json:"keys"`             // 0: there is no snapshot, or an empty list was seen
	At   time.Time `json:"at,omitzero"`      // when it was written; absent: there is none
	Run  string    `json:"run_id,omitempty"` // that has written it
}

// listSnapshots answers GET /v1/flows/{flow}/snapshots with those that the current version of the flow keeps.
func (a *api) listSnapshots(c *gin.Context) {
	flow, err := a.compiledFlow(c, auth.ScopeReadFlows)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	views := []snapshotView{}
	for _, name := range flow.Snapshots() {
		head, err := a.snapshotOf(flow, name).Head(c.Request.Context())
		if err != nil {
			httpx.Fail(c, err)
			return
		}
		views = append(views, snapshotView{Name: name, Keys: head.Keys, At: head.At, Run: head.Run})
	}
	httpx.List(c, listing.Schema[snapshotView]{Fields: []listing.Field[snapshotView]{
		listing.Text("name", func(v *snapshotView) string { return v.Name }),
		listing.Time("at", func(v *snapshotView) time.Time { return v.At }),
	}}, views)
}

// deleteSnapshot answers DELETE /v1/flows/{flow}/snapshots/{name}: the next list is a first one.
func (a *api) deleteSnapshot(c *gin.Context) {
	flow, err := a.compiledFlow(c, auth.ScopeWriteFlows)
	if err == nil && !slices.Contains(flow.Snapshots(), c.Param("name")) {
		err = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "the flow keeps no snapshot of that name"}
	}
	if err == nil {
		err = a.snapshotOf(flow, c.Param("name")).Remove(c.Request.Context())
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Object += " snapshot:" + c.Param("name")
	c.Status(http.StatusNoContent)
}

// compiledFlow returns the current version of the flow in the path.
func (a *api) compiledFlow(c *gin.Context, scope auth.Scope) (*flows.Flow, error) {
	h, err := a.deployment(c, scope)
	if err != nil {
		return nil, err
	}
	flow, ok := a.config.Flows.Find(flowNumber(h.Number))
	if !ok {
		return nil, errNoFlow
	}
	return flow, nil
}

func (a *api) snapshotOf(flow *flows.Flow, name string) snapshot.Store {
	return snapshot.Store{State: a.config.State, Key: flow.SnapshotKey(name)}
}

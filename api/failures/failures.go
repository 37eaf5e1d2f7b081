package failures

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/failure"
)

// list answers GET /v1/failures, the last seen first. A failure has runs of any caller, so it is visible to those who may
// read the runs of others.
func (a *api) list(c *gin.Context) {
	p := httpx.StateOf(c).Principal
	all, err := a.failures.List(c.Request.Context(), func(flow int64) bool { return p.MayForOthers(auth.ScopeWatchRuns, flow) })
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	for i := range all {
		all[i] = seen(c, all[i])
	}
	httpx.List(c, schema(), all)
}

// seen returns a failure as the caller may see it. Its message is a text of its runs, which may quote what was sent to them.
func seen(c *gin.Context, g failure.Group) failure.Group {
	if !httpx.StateOf(c).Principal.MayForOthers(auth.ScopeReadRuns, g.Flow) {
		g.Message = ""
	}
	return g
}

func schema() listing.Schema[failure.Group] {
	type group = failure.Group
	return listing.Schema[group]{Fields: []listing.Field[group]{
		listing.Text("id", func(g *group) string { return g.ID }),
		listing.Number("flow", func(g *group) int64 { return g.Flow }),
		listing.Text("step", func(g *group) string { return g.Step }),
		listing.Text("code", func(g *group) string { return g.Code }),
		listing.Text("message", func(g *group) string { return g.Message }),
		listing.Word("state", failure.States(), func(g *group) failure.State { return g.State }),
		listing.Number("count", func(g *group) int64 { return g.Count }),
		listing.Number("open_runs", (*group).Open),
		listing.Number("last_hour", func(g *group) int64 { return g.LastHour }),
		listing.Number("last_day", func(g *group) int64 { return g.LastDay }),
		listing.Time("first_at", func(g *group) time.Time { return g.First }),
		listing.Time("last_at", func(g *group) time.Time { return g.Last }),
		listing.Time("came_back_at", func(g *group) time.Time { return g.CameBack }),
		listing.Time("muted_until", func(g *group) time.Time { return g.Until }),
	}}
}

// read answers GET /v1/failures/{failure}.
func (a *api) read(c *gin.Context) {
	g, err := a.visible(c, auth.ScopeWatchRuns)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, seen(c, g))
}

// visible returns the failure in the path. The error is the same for an unknown one and for one that the principal may not
// access.
func (a *api) visible(c *gin.Context, scope auth.Scope) (failure.Group, error) {
	id := c.Param("failure")
	flow, ok := failure.FlowOf(id)
	if !ok || !httpx.StateOf(c).Principal.MayForOthers(scope, flow) {
		return failure.Group{}, failure.ErrNotFound
	}
	return a.failures.Failure(c.Request.Context(), id)
}

// change answers PATCH /v1/failures/{failure} with the changed failure.
func (a *api) change(c *gin.Context) {
	g, err := a.visible(c, auth.ScopeWriteRuns)
	var in struct {
		State failure.State `json:"state"`
		Until time.Time     `json:"muted_until"`
	}
	if err == nil {
		httpx.StateOf(c).Object, httpx.StateOf(c).FlowNumber = "failure:"+g.ID, g.Flow
		err = httpx.ReadJSON(c, &in)
	}
	if err == nil {
		err = checkChange(in.State, in.Until, a.now())
	}
	if err == nil {
		if httpx.StateOf(c).Object += " " + string(in.State); !in.Until.IsZero() {
			httpx.StateOf(c).Object += " until " + in.Until.UTC().Format(time.RFC3339)
		}
		err = a.failures.Set(c.Request.Context(), g.ID, in.State, in.Until)
	}
	if err == nil {
		g, err = a.failures.Failure(c.Request.Context(), g.ID)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, seen(c, g))
}

func checkChange(state failure.State, until, now time.Time) error {
	switch {
	case !slices.Contains(failure.States(), state):
		return httpx.BadRequest("bad_state", fmt.Sprintf("state must be one of %q", failure.States()))
	case state == failure.Muted && !until.After(now):
		return httpx.BadRequest("bad_state", "muted needs muted_until, a time to come, as in 2026-11-28T09:00:00Z")
	case until.After(now.Add(failure.MaxMute)):
		return httpx.BadRequest("bad_state", "muted_until is at most 30 days from now")
	case state != failure.Muted && !until.IsZero():
		return httpx.BadRequest("bad_state", "muted_until belongs to the state muted")
	}
	return nil
}

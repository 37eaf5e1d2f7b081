package flows

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// Values of the parameter runs, which says what happens to the waiting runs of a deleted flow.
const (
	runsFinish = "finish" // they execute the version that they are pinned to
	runsCancel = "cancel"
)

// deleteFlow answers DELETE /v1/flows/{flow}. Runs that execute end as usual. A paused flow with waiting runs is
// deleted only with the parameter runs.
func (a *api) deleteFlow(c *gin.Context) {
	h, err := a.deployment(c, auth.ScopeWriteFlows)
	if err == nil {
		err = a.checkDeletion(c, &h)
	}
	if err == nil {
		err = a.config.Store.Flows().Delete(c.Request.Context(), h.Number)
	}
	if err == nil && a.config.Runs != nil {
		err = a.endRunsOfDeleted(c, &h)
	}
	if err == nil && a.config.Recordings != nil { // what was recorded is out of reach
		err = a.config.Recordings.Stop(context.WithoutCancel(c.Request.Context()), h.Number)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

// checkDeletion rejects the deletion of a paused flow with waiting runs, unless the parameter runs says what
// happens to them.
func (a *api) checkDeletion(c *gin.Context, h *store.Deployment) error {
	switch c.Query("runs") {
	case runsFinish:
		return nil
	case runsCancel:
		if !httpx.StateOf(c).Principal.May(auth.ScopeWriteRuns, h.Number) {
			return &auth.Error{Code: auth.CodeForbidden, Message: "the scope " + string(auth.ScopeWriteRuns) + " is required to cancel the runs of this flow"}
		}
		return nil
	case "":
	default:
		return httpx.BadRequest("bad_query", `runs must be "finish" or "cancel"`)
	}
	if h.Paused.IsZero() || a.config.Runs == nil {
		return nil
	}
	n, err := a.config.Runs.FlowRuns(c.Request.Context(), h.Number)
	if err != nil || n.Paused+n.Queued+n.Parked == 0 {
		return err
	}
	held, parked := n.Paused+n.Queued, n.Parked
	return &httpx.Fault{Status: http.StatusConflict, Code: "runs_wait", PausedRuns: &held, ParkedRuns: &parked, Message: fmt.Sprintf(
		"the flow is paused and %d of its runs are held, %d parked: let them end with ?runs=finish, or cancel them with ?runs=cancel (--runs on the command line)", held, parked)}
}

// endRunsOfDeleted cancels or resumes the waiting runs of a deleted flow.
func (a *api) endRunsOfDeleted(c *gin.Context, h *store.Deployment) (err error) {
	ctx := context.WithoutCancel(c.Request.Context()) // the flow is deleted, so the request cannot be repeated
	if c.Query("runs") == runsCancel {
		why, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: "the flow was deleted by " + httpx.StateOf(c).Principal.Name})
		if err != nil {
			panic(err) // texts always encode
		}
		_, err = a.config.Runs.CancelFlow(ctx, h.Number, h.Paused, why)
		return err
	}
	if !h.Paused.IsZero() {
		_, err = a.config.Runs.ResumeFlow(ctx, h.Number, h.Paused)
	}
	return err
}

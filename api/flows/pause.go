package flows

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/store"
)

// pauseFlow answers POST /v1/flows/{flow}/pause: no further run of the flow begins.
func (a *api) pauseFlow(c *gin.Context) {
	h, err := a.pausableFlow(c)
	if err == nil {
		_, err = a.config.Store.Flows().Pause(c.Request.Context(), h.Number, true)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.writeDeployed(c, http.StatusOK, h.Number, nil)
}

// resumeFlow answers POST /v1/flows/{flow}/resume after enqueueing the runs that waited. Calling it again enqueues
// the runs that are still waiting after an error.
func (a *api) resumeFlow(c *gin.Context) {
	h, err := a.pausableFlow(c)
	if err == nil {
		var since time.Time
		if since, err = a.config.Store.Flows().Pause(c.Request.Context(), h.Number, false); err == nil {
			_, err = a.config.Runs.ResumeFlow(c.Request.Context(), h.Number, since)
		}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.writeDeployed(c, http.StatusOK, h.Number, nil)
}

// pausableFlow returns the flow in the path if the principal may write it, may operate queues, or has the right to operate it.
func (a *api) pausableFlow(c *gin.Context) (store.Deployment, error) {
	for _, scope := range []auth.Scope{auth.ScopeWriteQueues, auth.ScopeWriteFlows} {
		if h, err := a.deployment(c, scope); err == nil {
			return h, nil
		}
	}
	h, err := a.deployment(c, auth.ScopeWriteRuns)
	if err == nil && !httpx.StateOf(c).Principal.MayForOthers(auth.ScopeWriteRuns, h.Number) {
		err = errNoFlow
	}
	return h, err
}

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

// pausableFlow returns the flow in the path if the principal may write it or may operate queues.
func (a *api) pausableFlow(c *gin.Context) (store.Deployment, error) {
	h, err := a.deployment(c, auth.ScopeWriteQueues)
	if err != nil {
		return a.deployment(c, auth.ScopeWriteFlows)
	}
	return h, nil
}

package runs

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
)

// cancelRun answers POST /v1/runs/{run}/cancel with the cancelled run. Its worker may notice up to a second later,
// but can no longer change the run.
func (a *api) cancelRun(c *gin.Context) {
	record, err := a.visibleRun(c, auth.ScopeWriteRuns)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	why, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: "the run was cancelled by " + httpx.StateOf(c).Principal.Name})
	if err != nil {
		panic(err) // texts always encode
	}
	had, err := a.config.Runs.Cancel(c.Request.Context(), record.ID, why)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	if had.Terminal() {
		httpx.Fail(c, &httpx.Fault{Status: http.StatusConflict, Code: "has_ended", Message: "the run has ended: it is " + string(had)})
		return
	}
	if record, err = a.config.Records.Record(c.Request.Context(), record.ID); err != nil {
		httpx.Fail(c, err)
		return
	}
	writeRun(c, &record)
}

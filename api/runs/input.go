package runs

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
)

// inputView is the input of a run.
type inputView struct {
	Event   json.RawMessage   `json:"event"` // null: the run has no event
	Params  map[string]string `json:"params,omitempty"`
	Headers map[string]string `json:"headers,omitempty"` // the headers that the flow declares
}

// readRunInput answers GET /v1/runs/{run}/input.
func (a *api) readRunInput(c *gin.Context) {
	record, err := a.visibleRun(c, auth.ScopeReadRuns)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, inputView{record.Event, record.Params, record.Headers})
}

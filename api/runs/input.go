package runs

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
)

// inputView is what a run was accepted with.
type inputView struct {
	Event   json.RawMessage   `json:"event"` // null: there was none
	Params  map[string]string `json:"params,omitempty"`
	Headers map[string]string `json:"headers,omitempty"` // those that the flow reads
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

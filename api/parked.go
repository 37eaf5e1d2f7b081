package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/queue"
)

// parkedMessage is for a caller whose run waits for longer than a caller does.
const parkedMessage = "the run waits and goes on by itself; its result can be read later"

// unfinished is the fault of a run whose result did not come in time: it hit
// its limit, unless it is parked.
func (a *API) unfinished(c *gin.Context, id string) *httpx.Fault {
	if !a.parked(c, id) {
		return overdue(id)
	}
	return &httpx.Fault{Status: http.StatusGatewayTimeout, Code: string(queue.Waiting), Message: parkedMessage, Run: id}
}

// parked reports whether nobody works on a run because it waits.
func (a *API) parked(c *gin.Context, id string) bool {
	record, err := a.config.Records.Record(c.Request.Context(), id)
	return err == nil && record.State == queue.Waiting
}

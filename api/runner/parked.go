package runner

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/queue"
)

// ParkedMessage is for a caller whose run waits for longer than a caller does.
const ParkedMessage = "the run waits and goes on by itself; its result can be read later"

// unfinishedFault is the fault of a run whose result did not come in time: it hit
// its limit, unless it is parked.
func (r *Runner) unfinishedFault(c *gin.Context, id string) *httpx.Fault {
	if !r.Parked(c, id) {
		return timeoutFault(id)
	}
	return &httpx.Fault{Status: http.StatusGatewayTimeout, Code: string(queue.Waiting), Message: ParkedMessage, Run: id}
}

// Parked reports whether nobody works on a run because it waits.
func (r *Runner) Parked(c *gin.Context, id string) bool {
	record, err := r.config.Records.Record(c.Request.Context(), id)
	return err == nil && record.State == queue.Waiting
}

// Paused reports whether a flow is paused: its runs wait until it is resumed.
func (r *Runner) Paused(flow int64) bool {
	return r.config.Paused != nil && r.config.Paused(flow)
}

// RejectIfPaused refuses a run that its caller would wait for: nobody knows
// until when. A run that nobody waits for is accepted, and waits itself.
func (r *Runner) RejectIfPaused(flow int64) error {
	if r.Paused(flow) {
		return &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "flow_paused",
			Message: "this flow is paused; try again later, or let the run wait (Prefer: respond-async)", Retry: retryPaused}
	}
	return nil
}

// retryPaused is when a caller may try a flow again that is paused.
const retryPaused = 30 * time.Second

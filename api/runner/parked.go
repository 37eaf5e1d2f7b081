package runner

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/queue"
)

// ParkedMessage is the message for a caller whose run is parked when the wait ends.
const ParkedMessage = "the run waits and goes on by itself; its result can be read later"

// unfinishedFault returns the error of a run whose result did not arrive in time: it reached its limit, unless it
// is parked.
func (r *Runner) unfinishedFault(c *gin.Context, id string) *httpx.Fault {
	if !r.Parked(c, id) {
		return timeoutFault(id)
	}
	return continuesFault(id, ParkedMessage)
}

// continuesFault returns the error of a run that continues without its caller, for callers that do not get 202.
func continuesFault(id, message string) *httpx.Fault {
	return &httpx.Fault{Status: http.StatusGatewayTimeout, Code: string(queue.Waiting), Message: message, Run: id}
}

// Parked reports whether a run is parked.
func (r *Runner) Parked(c *gin.Context, id string) bool {
	record, err := r.config.Records.Record(c.Request.Context(), id)
	return err == nil && record.State == queue.Waiting
}

// Paused reports whether a flow is paused: its runs wait until it is resumed.
func (r *Runner) Paused(flow int64) bool {
	return r.config.Paused != nil && r.config.Paused(flow)
}

// RejectIfPaused rejects a synchronous run of a paused flow, because the end of the pause is unknown. An
// asynchronous run is accepted and waits.
func (r *Runner) RejectIfPaused(flow int64) error {
	if r.Paused(flow) {
		return &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "flow_paused",
			Message: "this flow is paused; try again later, or let the run wait (Prefer: respond-async)", Retry: retryPaused}
	}
	return nil
}

// retryPaused is the Retry-After of a paused flow.
const retryPaused = 30 * time.Second

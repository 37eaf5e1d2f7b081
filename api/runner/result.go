package runner

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// RunFault returns the error of a run without output, nil for a successful one. The message of a failed step may name hosts and
// settings, that of a failed expression has values that it works on: unless detailed, another one replaces it.
func RunFault(id string, r *queue.Result, detailed bool) *httpx.Fault {
	f := &httpx.Fault{Status: http.StatusUnprocessableEntity, Code: string(flows.CodeInternal), Message: "the run failed", Run: id}
	switch r.State {
	case queue.Succeeded:
		return nil
	case queue.TimedOut:
		f.Status, f.Code, f.Message = http.StatusGatewayTimeout, string(flows.CodeTimeout), "the run hit its execution limit"
	case queue.Cancelled:
		f.Code, f.Message = string(flows.CodeCancelled), "the run was cancelled"
	}
	e := r.Error
	if e == nil {
		return f
	}
	f.Code, f.Step = string(e.Code), e.Step
	if e.Code == flows.CodeInternal { // its message is only logged
		f.Status, f.Message = http.StatusInternalServerError, "the run failed for a reason of ours"
		return f
	}
	if e.Message != "" {
		f.Message = e.Message
	}
	if e.Code == flows.CodeStepFailed && e.Status == 0 {
		var brief string
		if f.Status, brief = stepFailure(e); !detailed {
			f.Message = brief
		}
	}
	if e.Code == flows.CodeExpression && !detailed {
		f.Message = "an expression of the flow failed"
	}
	if r.State == queue.Failed && e.Status >= 400 && e.Status <= 599 {
		f.Status, f.ByFlow = e.Status, true
	}
	return f
}

// stepFailure returns the status for a step that failed, and a message that names nothing of the installation.
func stepFailure(e *flows.Error) (status int, brief string) {
	switch {
	case e.Upstream >= 500 || e.Upstream == 0 && e.Class == flows.ClassNetwork:
		return http.StatusBadGateway, "a system that the flow calls does not work"
	case e.Upstream == 0 && e.Class == flows.ClassTimeout:
		return http.StatusGatewayTimeout, "a system that the flow calls did not answer in time"
	case e.Upstream != 0:
		return http.StatusUnprocessableEntity, "a system that the flow calls refused the request"
	}
	return http.StatusUnprocessableEntity, "the step failed"
}

// Detailed reports whether the flow of the request tells its callers the messages of failed steps.
func Detailed(c *gin.Context) bool {
	f := httpx.StateOf(c).Flow
	return f != nil && f.Detailed
}

// timeoutFault returns the error of a run whose result did not arrive in time. At that moment the run has been
// cancelled at its limit.
func timeoutFault(id string) *httpx.Fault {
	return RunFault(id, &queue.Result{State: queue.TimedOut}, false)
}

// OutputOf returns the stored output, unchanged.
func OutputOf(r *queue.Result) []byte {
	if len(r.Output) == 0 {
		return emptyOutput
	}
	return r.Output
}

// Fixed parts of responses. Read only.
var (
	emptyOutput  = []byte("[]")
	SuccessClose = []byte(`}`) // the end of an envelope whose last member is the output
)

package runner

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// Answer submits a run and writes the response that the caller prefers, in the envelope of the native API.
func (r *Runner) Answer(c *gin.Context, s queue.Submission, prefer Preference) {
	result, err := r.Await(c, s, prefer)
	switch x := httpx.StateOf(c); {
	case err != nil:
		httpx.Fail(c, err)
	case result == nil: // Await has responded
	case result.Early != nil:
		WriteAnswer(c, result.Early, nativeOpening(x.Run))
	default:
		writeResult(c, x.Run, result)
	}
}

// Await submits a run and waits for its result as long as the caller prefers. If the caller prefers not to wait until
// the end, the limit of the run is longer than a request waits, or the run waits for further events, Await writes 202 with the address of the run and returns nil, nil.
func (r *Runner) Await(c *gin.Context, s queue.Submission, prefer Preference) (*queue.Result, error) {
	r.ChooseVersion(c, &s)
	if collects(httpx.StateOf(c).Flow, &s) {
		prefer = prefer.notToWait()
	}
	var wait time.Duration
	if prefer.Given {
		wait = min(prefer.Wait, s.Limit, maxWait)
	} else if err := r.RejectIfPaused(s.Flow); err != nil {
		return nil, err
	} else {
		wait = WaitForEnd(c, &s, !cancelsWithCaller(c))
	}
	result, err := r.Execute(c, s, wait)
	var ran *queue.RanError
	switch {
	case errors.As(err, &ran) && prefer.Given && prefer.Wait == 0: // the caller needs only the acceptance, not the result
		c.Header("Idempotent-Replayed", "true")
		c.Header(httpx.HeaderRun, ran.Run)
		WriteHandle(c, ran.Run)
		return nil, nil
	case err != nil:
		return nil, err
	}
	x := httpx.StateOf(c)
	if x.Attached {
		c.Header("Idempotent-Replayed", "true")
	}
	if prefer.Applied != "" {
		c.Header("Preference-Applied", prefer.Applied)
	}
	switch {
	case result == nil && s.Limit > maxWait && !prefer.Given && !cancelsWithCaller(c) && gets504(c):
		return nil, continuesFault(x.Run, "the run takes longer than a request waits and goes on; its result can be read later")
	case result == nil && (prefer.Given || s.Limit > maxWait && !cancelsWithCaller(c)):
		WriteHandle(c, x.Run)
		return nil, nil
	case result == nil:
		return nil, r.unfinishedFault(c, x.Run)
	}
	return result, nil
}

// writeResult writes the stored output, or the error of a run without output.
func writeResult(c *gin.Context, id string, result *queue.Result) {
	if f := RunFault(id, result, Detailed(c)); f != nil {
		httpx.Fail(c, f)
		return
	}
	httpx.Write(c, http.StatusOK, httpx.TypeJSON, nativeOpening(id), OutputOf(result), SuccessClose)
}

// nativeOpening returns the envelope of the native API up to the output.
func nativeOpening(id string) []byte {
	opening := append(make([]byte, 0, 96), `{"success":true,"run_id":"`...)
	return append(append(opening, id...), `","output":`...)
}

// gets504 reports whether the caller gets 504 for a run that continues: Ansira's document promises it to API clients whose call
// takes too long ("504 (Gateway Timeout)").
func gets504(c *gin.Context) bool { return httpx.StateOf(c).Principal.Kind == auth.KindClient }

// WriteHandle writes 202 with the address of the run.
func WriteHandle(c *gin.Context, id string) {
	c.Header("Location", httpx.RunPath(id))
	httpx.Write(c, http.StatusAccepted, httpx.TypeJSON, []byte(`{"run_id":"`+id+`","href":"`+httpx.RunPath(id)+`"}`))
}

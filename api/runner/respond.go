package runner

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/queue"
)

// Answer submits a run and answers as its caller prefers, in the native form.
func (r *Runner) Answer(c *gin.Context, s queue.Submission, prefer Preference) {
	result, err := r.Await(c, s, prefer)
	switch x := httpx.StateOf(c); {
	case err != nil:
		httpx.Fail(c, err)
	case result == nil: // answered already
	case result.Early != nil:
		WriteAnswer(c, result.Early, nativeOpening(x.Run))
	default:
		writeResult(c, x.Run, result)
	}
}

// Await submits a run and waits for its result as its caller prefers. The
// result is nil when the caller did not want to wait that long: then the
// request has been answered with where the result will be.
func (r *Runner) Await(c *gin.Context, s queue.Submission, prefer Preference) (*queue.Result, error) {
	var patience time.Duration
	if prefer.Given {
		patience = min(prefer.Wait, s.Limit, maxWait)
	} else if err := r.RejectIfPaused(s.Flow); err != nil {
		return nil, err
	} else {
		patience = WaitForAll(c, &s)
	}
	result, err := r.Execute(c, s, patience)
	var ran *queue.RanError
	switch {
	case errors.As(err, &ran) && prefer.Given && prefer.Wait == 0: // all that its caller wants is that it was accepted
		c.Header("Idempotent-Replayed", "true")
		c.Header(httpx.HeaderRun, ran.Run)
		writeHandle(c, ran.Run)
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
	case result == nil && prefer.Given:
		writeHandle(c, x.Run)
		return nil, nil
	case result == nil:
		return nil, r.unfinished(c, x.Run)
	}
	return result, nil
}

// writeResult answers with the stored output, or with why there is none.
func writeResult(c *gin.Context, id string, result *queue.Result) {
	if f := RunFault(id, result); f != nil {
		httpx.Fail(c, f)
		return
	}
	httpx.Write(c, http.StatusOK, httpx.TypeJSON, nativeOpening(id), OutputOf(result), SuccessClose)
}

// nativeOpening is what goes before the output of a run.
func nativeOpening(id string) []byte {
	opening := append(make([]byte, 0, 96), `{"success":true,"run_id":"`...)
	return append(append(opening, id...), `","output":`...)
}

// writeHandle answers with where the result will be.
func writeHandle(c *gin.Context, id string) {
	c.Header("Location", httpx.RunPath(id))
	httpx.Write(c, http.StatusAccepted, httpx.TypeJSON, []byte(`{"run_id":"`+id+`","href":"`+httpx.RunPath(id)+`"}`))
}

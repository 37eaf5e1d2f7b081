package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// runFlow answers POST /v1/flows/{flow}/runs: with the output, or with a
// handle when the caller prefers not to wait.
func (a *API) runFlow(c *gin.Context) {
	prefer := parsePrefer(c.Request.Header)
	s, err := a.admit(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.answerRun(c, s, prefer)
}

// answerRun submits a run and answers as its caller prefers.
func (a *API) answerRun(c *gin.Context, s queue.Submission, prefer preference) {
	var patience time.Duration
	if prefer.given {
		patience = min(prefer.wait, s.Limit, maxWait)
	} else if err := a.unlessPaused(s.Flow); err != nil {
		httpx.Fail(c, err)
		return
	} else {
		patience = waitForAll(c, &s)
	}
	result, err := a.execute(c, s, patience)
	var ran *queue.RanError
	switch {
	case errors.As(err, &ran) && prefer.given && prefer.wait == 0: // all that its caller wants is that it was accepted
		c.Header("Idempotent-Replayed", "true")
		c.Header(httpx.HeaderRun, ran.Run)
		writeHandle(c, ran.Run)
		return
	case err != nil:
		httpx.Fail(c, err)
		return
	}
	x := httpx.StateOf(c)
	if x.Attached {
		c.Header("Idempotent-Replayed", "true")
	}
	if prefer.applied != "" {
		c.Header("Preference-Applied", prefer.applied)
	}
	switch {
	case result == nil && prefer.given:
		writeHandle(c, x.Run)
	case result == nil:
		httpx.Fail(c, a.unfinished(c, x.Run))
	case result.Early != nil:
		writeAnswer(c, result.Early, nativeOpening(x.Run))
	default:
		a.writeResult(c, x.Run, result)
	}
}

// admit decides whether the request may run the flow, and as what.
func (a *API) admit(c *gin.Context) (queue.Submission, error) {
	p := httpx.StateOf(c).Principal
	flow, ok := a.config.Flows.Find(c.Param("flow"))
	if !ok || !p.May(auth.ScopeRun, flow.Number) {
		return queue.Submission{}, &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow for you"}
	}
	if err := httpx.Take(c, "runs"); err != nil {
		return queue.Submission{}, err
	}
	query, err := auth.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return queue.Submission{}, err
	}
	params, err := declaredParams(flow, query)
	if err != nil {
		return queue.Submission{}, err
	}
	if len(params) > 0 && p.BodyOnly {
		return queue.Submission{}, httpx.BadRequest("unsigned_parameters", "a signature of version 1 does not cover parameters: sign with v2, use /apis/execute, or other credentials")
	}
	event, err := httpx.ReadEvent(c)
	if err != nil {
		return queue.Submission{}, err
	}
	s := a.submission(c, flow, p)
	s.Event, s.Params = event, params
	s.Guard, err = a.idempotencyGuard(c, flow, &s, query)
	attachRepeated(&s, p)
	return s, err
}

// attachRepeated makes one run of a signature that comes again, unless
// something else says what identifies the request.
func attachRepeated(s *queue.Submission, p *auth.Principal) {
	if s.Guard == nil && p.Repeat != nil {
		s.Guard = &queue.Guard{Key: "signature\x00" + p.Repeat.ID, Window: p.Repeat.Window}
	}
}

// writeResult answers with the stored output, or with why there is none.
func (a *API) writeResult(c *gin.Context, id string, r *queue.Result) {
	if f := runFault(id, r); f != nil {
		httpx.Fail(c, f)
		return
	}
	httpx.Write(c, http.StatusOK, httpx.TypeJSON, nativeOpening(id), outputOf(r), successClose)
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

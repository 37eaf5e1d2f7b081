package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/strictjson"
	"github.com/penstock/penstock/queue"
)

// runFlow answers POST /v1/flows/{flow}/runs: with the output, or with a
// handle when the caller prefers not to wait.
func (a *API) runFlow(c *gin.Context) {
	prefer := parsePrefer(c.Request.Header)
	s, err := a.admit(c)
	if err != nil {
		a.fail(c, err)
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
		a.fail(c, err)
		return
	} else {
		patience = waitForAll(c, &s)
	}
	result, err := a.execute(c, s, patience)
	var ran *queue.RanError
	switch {
	case errors.As(err, &ran) && prefer.given && prefer.wait == 0: // all that its caller wants is that it was accepted
		c.Header("Idempotent-Replayed", "true")
		c.Header(headerRun, ran.Run)
		writeHandle(c, ran.Run)
		return
	case err != nil:
		a.fail(c, err)
		return
	}
	x := of(c)
	if x.attached {
		c.Header("Idempotent-Replayed", "true")
	}
	if prefer.applied != "" {
		c.Header("Preference-Applied", prefer.applied)
	}
	switch {
	case result == nil && prefer.given:
		writeHandle(c, x.run)
	case result == nil:
		a.fail(c, a.unfinished(c, x.run))
	case result.Early != nil:
		writeAnswer(c, result.Early, nativeOpening(x.run))
	default:
		a.writeResult(c, x.run, result)
	}
}

// admit decides whether the request may run the flow, and as what.
func (a *API) admit(c *gin.Context) (queue.Submission, error) {
	p := of(c).principal
	flow, ok := a.config.Flows.Find(c.Param("flow"))
	if !ok || !p.May(auth.ScopeRun, flow.Number) {
		return queue.Submission{}, &fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow for you"}
	}
	if err := a.take(c, "runs"); err != nil {
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
		return queue.Submission{}, badRequest("unsigned_parameters", "a signature of version 1 does not cover parameters: sign with v2, use /apis/execute, or other credentials")
	}
	event, err := a.readEvent(c)
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

// readEvent returns the body, checked and untouched; nil when there is none.
func (a *API) readEvent(c *gin.Context) ([]byte, error) {
	if err := checkEncoding(c.Request.Header); err != nil {
		return nil, err
	}
	body, err := a.readBody(c)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	if err := checkType(c.Request.Header); err != nil {
		return nil, err
	}
	return body, strictjson.Check(body, maxDepth)
}

// writeResult answers with the stored output, or with why there is none.
func (a *API) writeResult(c *gin.Context, id string, r *queue.Result) {
	if f := runFault(id, r); f != nil {
		a.fail(c, f)
		return
	}
	write(c, http.StatusOK, typeJSON, nativeOpening(id), outputOf(r), successClose)
}

// nativeOpening is what goes before the output of a run.
func nativeOpening(id string) []byte {
	opening := append(make([]byte, 0, 96), `{"success":true,"run_id":"`...)
	return append(append(opening, id...), `","output":`...)
}

// writeHandle answers with where the result will be.
func writeHandle(c *gin.Context, id string) {
	c.Header("Location", runPath(id))
	write(c, http.StatusAccepted, typeJSON, []byte(`{"run_id":"`+id+`","href":"`+runPath(id)+`"}`))
}

package native

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// runFlow answers POST /v1/flows/{flow}/runs: with the output, or with a
// handle when the caller prefers not to wait.
func (a *api) runFlow(c *gin.Context) {
	prefer := runner.ParsePrefer(c.Request.Header)
	s, err := a.admit(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.config.Runner.Answer(c, s, prefer)
}

// admit decides whether the request may run the flow, and as what.
func (a *api) admit(c *gin.Context) (queue.Submission, error) {
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
	params, err := runner.DeclaredParams(flow, query)
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
	s := runner.Submission(c, flow, p)
	s.Event, s.Params = event, params
	s.IdempotencyKey, err = a.idempotencyKey(c, flow, &s, query)
	runner.AttachRepeated(&s, p)
	return s, err
}

// idempotencyKey makes one run of requests with one Idempotency-Key, for one
// principal and flow. Without that header the flow may say what identifies a
// request. It is never derived from the body; nil when nobody names a key.
func (a *api) idempotencyKey(c *gin.Context, f *flows.Flow, s *queue.Submission, query auth.Query) (*queue.IdempotencyKey, error) {
	scope := s.Principal + "\x00" + strconv.FormatInt(f.Number, 10) + "\x00"
	key, err := runner.ParseIdempotencyKey(c.Request.Header)
	if err != nil {
		return nil, err
	}
	if key != "" {
		return &queue.IdempotencyKey{
			Key:         "request\x00" + scope + key,
			Fingerprint: fingerprint(query, s.Event),
			Window:      runner.IdempotencyWindow,
		}, nil
	}
	if f.Webhook == nil || f.Webhook.IdempotencyKey == nil {
		return nil, nil
	}
	if key, err = a.config.Runner.FlowKey(c.Request.Context(), f, s); err != nil || key == "" {
		return nil, err
	}
	return &queue.IdempotencyKey{Key: "flow\x00" + scope + key, Window: runner.IdempotencyWindow}, nil
}

// fingerprint tells two payloads apart.
func fingerprint(query auth.Query, event []byte) string {
	h := sha256.New()
	for _, p := range query.Params() {
		h.Write([]byte(p.Name + "=" + url.QueryEscape(p.Value) + "&"))
	}
	h.Write([]byte{0})
	h.Write(event)
	return hex.EncodeToString(h.Sum(nil))
}

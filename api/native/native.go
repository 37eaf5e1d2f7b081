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

// runFlow answers POST /v1/flows/{flow}/runs with the output, or with the address of the run when the caller
// prefers not to wait.
func (a *api) runFlow(c *gin.Context) {
	prefer := runner.ParsePrefer(c.Request.Header)
	s, err := a.admit(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.config.Runner.Answer(c, s, prefer)
}

// admit returns the submission, or the reason why it is rejected.
func (a *api) admit(c *gin.Context) (queue.Submission, error) {
	p := httpx.StateOf(c).Principal
	flow, ok := a.config.Flows.Find(c.Param("flow"))
	if !ok || !p.May(auth.ScopeRun, flow.Number) {
		return queue.Submission{}, &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow for you"}
	}
	httpx.StateOf(c).FlowNumber = flow.Number
	if err := httpx.Take(c, "runs"); err != nil {
		return queue.Submission{}, err
	}
	if err := p.CheckOperationScopes(flow); err != nil {
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
	s := runner.Submission(c, flow, p)
	if err := runner.ReadEvent(c, &s, flow.BodyForm(), flow.MaxBody()); err != nil {
		return queue.Submission{}, err
	}
	s.Params = params
	s.IdempotencyKey, err = a.idempotencyKey(c, flow, &s, query)
	runner.AttachRepeated(&s, p)
	return s, err
}

// idempotencyKey returns the key by which equal requests of one principal to one flow share a run: the header
// Idempotency-Key, or else the idempotency_key of the flow; nil without both. It is never derived from the body
// alone.
func (a *api) idempotencyKey(c *gin.Context, f *flows.Flow, s *queue.Submission, query auth.Query) (*queue.IdempotencyKey, error) {
	scope := s.Principal + "\x00" + strconv.FormatInt(f.Number, 10) + "\x00"
	guard, err := runner.RequestGuard(c.Request.Header, scope, func() string { return fingerprint(query, httpx.StateOf(c).WithoutFileIDs(s.Event)) })
	if err != nil || guard != nil {
		return guard, err
	}
	if f.Webhook == nil || f.Webhook.IdempotencyKey == nil {
		return nil, nil
	}
	key, err := a.config.Runner.FlowKey(c.Request.Context(), f, s)
	if err != nil || key == "" {
		return nil, err
	}
	return &queue.IdempotencyKey{Key: "flow\x00" + scope + key, Window: runner.IdempotencyWindow}, nil
}

// fingerprint returns a hash of the parameters and the event, to detect another payload with the same key.
func fingerprint(query auth.Query, event []byte) string {
	h := sha256.New()
	for _, p := range query.Params() {
		h.Write([]byte(p.Name + "=" + url.QueryEscape(p.Value) + "&"))
	}
	h.Write([]byte{0})
	h.Write(event)
	return hex.EncodeToString(h.Sum(nil))
}

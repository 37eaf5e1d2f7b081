package hooks

import (
	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/queue"
)

// redeliver answers POST /v1/flows/{flow}/deliveries/{delivery}/redeliver: it starts a run of the principal with what a
// delivery says, as the flow reads it now, whatever became of the delivery. The response is that of
// POST /v1/flows/{flow}/runs.
func (a *api) redeliver(c *gin.Context) {
	s, err := a.admitRedelivery(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.config.Runner.Answer(c, s, runner.ParsePrefer(c.Request.Header))
}

func (a *api) admitRedelivery(c *gin.Context) (queue.Submission, error) {
	p := httpx.StateOf(c).Principal
	flow, d, content, err := a.findDelivery(c, auth.ScopeReadRuns)
	if err != nil {
		return queue.Submission{}, err
	}
	if !p.May(auth.ScopeRun, flow.Number) {
		return queue.Submission{}, auth.MissingScope(auth.ScopeRun, "")
	}
	if err := p.CheckOperationScopes(flow); err != nil {
		return queue.Submission{}, err
	}
	if err := httpx.Take(c, "runs"); err != nil {
		return queue.Submission{}, err
	}
	if err := content.Repeatable(); err != nil {
		return queue.Submission{}, err
	}
	run, err := flow.ReadDelivery(d.Method, content.Header, content.Query, content.Body)
	if err != nil {
		return queue.Submission{}, &deliveries.UnrepeatableError{Reason: err.Error()}
	}
	s := runner.Submission(c, flow, p)
	if s.Params, s.Headers = run.Params, run.Headers; run.Event != nil {
		s.Event = flows.EncodeJSON(run.Event)
	}
	s.IdempotencyKey, err = runner.RequestGuard(c.Request.Header, "redeliver\x00"+s.Principal+"\x00"+httpx.StateOf(c).Object+"\x00", func() string { return "" })
	runner.AttachRepeated(&s, p)
	return s, err
}

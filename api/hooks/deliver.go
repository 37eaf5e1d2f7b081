package hooks

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/sender"
	"github.com/penstock/penstock/queue"
)

// kindHook is the kind of principal of a webhook's sender: "hook:69".
const kindHook auth.Kind = "hook"

const (
	// Path is the route of deliveries.
	Path = "/hooks/:flow"
	// retryDisabled is the Retry-After of a flow whose triggers are switched off.
	retryDisabled = time.Minute
)

// deliver answers POST /hooks/{flow}, and other methods where the flow or its sender uses them: it runs the flow for a
// delivery that is proved in the way of its sender, and answers the questions that the sender asks about the URL.
func (a *api) deliver(c *gin.Context) {
	if c.Request.Method == http.MethodOptions && !a.asked(c) {
		a.preflight(c)
		return
	}
	if err := a.serve(c); err != nil {
		httpx.Fail(c, err)
	}
	a.record(c)
}

func (a *api) serve(c *gin.Context) error {
	d, flow, err := a.readDelivery(c)
	if err != nil {
		return err
	}
	question, err := a.prove(c, d, flow)
	if err == nil {
		err = a.admitUnsigned(c, d, flow)
	}
	if err != nil {
		return err
	}
	httpx.StateOf(c).Principal = &auth.Principal{Kind: kindHook, ID: flowNumber(flow.Number), Name: flowNumber(flow.Number)}
	if question != nil {
		return a.answer(c, d, flow, question)
	}
	s, err := a.admitDelivery(c, d, flow)
	if err != nil {
		return err
	}
	if trapped, err := a.trapped(c, flow, &s); trapped || err != nil {
		if err == nil {
			answerTrapped(c, flow.Webhook.Verify.Open)
		}
		return err
	}
	preference := runner.Preference{}
	if flow.Webhook.Reply == "ack" || a.config.Runner.Paused(flow.Number) { // many senders do not repeat a rejected delivery
		preference.Given = true
	}
	a.config.Runner.Answer(c, s, preference)
	return nil
}

// readDelivery reads the whole request before it is verified.
func (a *api) readDelivery(c *gin.Context) (*sender.Delivery, *flows.Flow, error) {
	flow, ok := a.config.Flows.Find(c.Param("flow"))
	var body []byte
	var err error
	if !ok || !streamsBody(flow) {
		if body, err = httpx.ReadBody(c); err != nil {
			return nil, nil, err
		}
	}
	query, err := httpx.SenderQuery(c.Request)
	if err != nil {
		return nil, nil, err
	}
	if !ok || flow.Webhook == nil || flow.Webhook.Verify == nil {
		return nil, nil, a.checkProof(c, c.Param("flow"), false, errors.New("no flow with that number or slug has trigger.webhook.verify"))
	}
	d := &sender.Delivery{
		Method: c.Request.Method, Header: c.Request.Header, Query: query, Body: body, Path: c.Request.URL.RequestURI(), Now: httpx.Now(c),
	}
	if flow.Webhook.Verify.Sender.SignsURL() {
		d.URLs = sender.URLs(a.calledURL(c, flow.Webhook.Verify.URL))
	}
	return d, flow, nil
}

// streamsBody reports whether the body of a delivery is read after it was verified: when it may have files, and the proof is
// not about it.
func streamsBody(f *flows.Flow) bool {
	if f.MaxBody() == 0 || f.Webhook.Verify == nil {
		return false
	}
	v := f.Webhook.Verify
	return v.Open == nil && !v.Sender.ReadsBody()
}

// calledURL returns the URL that the sender called: configured in the flow, or derived from the issuer. The Host
// header is not trusted.
func (a *api) calledURL(c *gin.Context, said string) string {
	if said == "" {
		target := c.Request.RequestURI // as sent: a trailing slash is signed, too
		if !strings.HasPrefix(target, "/") {
			target = c.Request.URL.RequestURI()
		}
		return a.config.Authority.Issuer() + target
	}
	if raw := c.Request.URL.RawQuery; raw != "" && !strings.Contains(said, "?") {
		return said + "?" + raw
	}
	return said
}

// admitDelivery returns the submission of a verified delivery, or the reason why it is rejected.
func (a *api) admitDelivery(c *gin.Context, d *sender.Delivery, flow *flows.Flow) (queue.Submission, error) {
	if head, err := a.config.Store.Flows().Deployment(flowNumber(flow.Number)); err == nil && !head.Enabled {
		return queue.Submission{}, &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "disabled", Message: "this webhook is switched off; send again later", Retry: retryDisabled}
	}
	httpx.StateOf(c).FlowNumber = flow.Number
	if err := httpx.Take(c, "hooks"); err != nil {
		return queue.Submission{}, err
	}
	s := runner.Submission(c, flow, httpx.StateOf(c).Principal)
	if err := readEvent(c, d, flow, &s); err != nil {
		return queue.Submission{}, err
	}
	params, err := flow.Webhook.DeclaredParams(d.Query)
	if err != nil {
		return queue.Submission{}, httpx.BadRequest("bad_query", err.Error())
	}
	s.Params = params
	s.IdempotencyKey, err = a.deliveryKey(c, d, flow, &s)
	return s, err
}

// readEvent reads the event of a delivery: its body, or the parameters of a GET without those that prove it.
func readEvent(c *gin.Context, d *sender.Delivery, flow *flows.Flow, s *queue.Submission) (err error) {
	if d.Method != http.MethodGet {
		return runner.ReadEvent(c, s, flow.BodyForm(), flow.MaxBody())
	}
	s.Event, err = json.Marshal(flow.Webhook.QueryEvent(d.Query))
	return err
}

// deliveryKey returns the key by which repeated deliveries share a run: the idempotency_key of the flow, or else
// the delivery id of the sender; nil without both. Senders repeat deliveries that failed: the flow says whether such a
// run is continued or does not count.
func (a *api) deliveryKey(c *gin.Context, d *sender.Delivery, flow *flows.Flow, s *queue.Submission) (*queue.IdempotencyKey, error) {
	scope, failed := s.Principal+"\x00", queue.TellFailed
	if flow.Webhook.OnRedelivery == "rerun" {
		failed = queue.RunAgain
	}
	if flow.Webhook.IdempotencyKey != nil {
		key, err := a.config.Runner.FlowKey(c.Request.Context(), flow, s)
		if err != nil || key == "" {
			return nil, err
		}
		return &queue.IdempotencyKey{Key: "flow\x00" + scope + key, Window: runner.IdempotencyWindow, Failed: failed}, nil
	}
	id := flow.Webhook.Verify.Sender.ID(d)
	if id == "" {
		return nil, nil
	}
	return &queue.IdempotencyKey{Key: "delivery\x00" + scope + id, Window: runner.IdempotencyWindow, Failed: failed}, nil
}

func flowNumber(n int64) string { return strconv.FormatInt(n, 10) }

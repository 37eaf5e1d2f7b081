package hooks

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// kindHook is the kind of principal that a webhook's sender is: "hook:69".
const kindHook auth.Kind = "hook"

const (
	// Path is the route of deliveries.
	Path = "/hooks/:flow"
	// retryDisabled is when a sender may try a flow again that is switched off.
	retryDisabled = time.Minute
)

// deliver answers POST /hooks/{flow}: a delivery that its sender has signed in
// its own way runs the flow.
func (a *api) deliver(c *gin.Context) {
	d, flow, err := a.readDelivery(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	verifier, err := a.verify(c, d, flow)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.StateOf(c).Principal = &auth.Principal{Kind: kindHook, ID: flowNumber(flow.Number), Name: flowNumber(flow.Number)}
	if asks, ok := verifier.(Challenger); ok {
		if text, asked := asks.Challenge(d); asked {
			writeChallenge(c, text)
			return
		}
	}
	s, err := a.admitDelivery(c, d, flow, verifier)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	if flow.Webhook.Reply == "ack" || a.config.Runner.Paused(flow.Number) { // many senders never send again what was refused
		a.config.Runner.Answer(c, s, runner.Preference{Given: true})
		return
	}
	a.config.Runner.Answer(c, s, runner.Preference{})
}

// readDelivery reads a request whole, before anything is believed of it.
func (a *api) readDelivery(c *gin.Context) (*Delivery, *flows.Flow, error) {
	if err := httpx.CheckEncoding(c.Request.Header); err != nil {
		return nil, nil, err
	}
	body, err := httpx.ReadBody(c)
	if err != nil {
		return nil, nil, err
	}
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, nil, httpx.BadRequest("bad_query", "the query string cannot be read")
	}
	flow, ok := a.config.Flows.Find(c.Param("flow"))
	if !ok || flow.Webhook == nil || flow.Webhook.Verify == nil {
		return nil, nil, a.checkProof(c, c.Param("flow"), false, errors.New("no flow with that number or slug has trigger.webhook.verify"))
	}
	d := &Delivery{Header: c.Request.Header, Query: query, Body: body, Now: httpx.Now(c)}
	if flow.Webhook.Verify.Scheme == "twilio" {
		d.URLs = URLs(a.calledURL(c, flow.Webhook.Verify.URL))
	}
	return d, flow, nil
}

// calledURL is the URL that a sender called, as far as it is known here: what
// the flow says, or the issuer's. What a request says of its host counts for
// nothing.
func (a *api) calledURL(c *gin.Context, said string) string {
	if said == "" {
		return a.config.Authority.Issuer() + c.Request.URL.RequestURI()
	}
	if raw := c.Request.URL.RawQuery; raw != "" && !strings.Contains(said, "?") {
		return said + "?" + raw
	}
	return said
}

// admitDelivery decides whether a delivery that was verified may run its flow,
// and as what.
func (a *api) admitDelivery(c *gin.Context, d *Delivery, flow *flows.Flow, verifier Verifier) (queue.Submission, error) {
	if head, err := a.config.Store.Flows().Head(flowNumber(flow.Number)); err == nil && !head.Enabled {
		return queue.Submission{}, &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "disabled", Message: "this webhook is switched off; send again later", Retry: retryDisabled}
	}
	if err := httpx.Take(c, "hooks"); err != nil {
		return queue.Submission{}, err
	}
	event, err := Event(d, httpx.MaxDepth)
	if err != nil {
		return queue.Submission{}, faultOfEvent(err)
	}
	s := runner.Submission(c, flow, httpx.StateOf(c).Principal)
	s.Event = event
	if s.Params, err = deliveredParams(flow, d.Query); err != nil {
		return queue.Submission{}, err
	}
	s.IdempotencyKey, err = a.deliveryKey(c, d, flow, verifier, &s)
	return s, err
}

// deliveredParams are the query parameters that the flow declares; others are
// the sender's own affair.
func deliveredParams(flow *flows.Flow, query url.Values) (map[string]string, error) {
	var params map[string]string
	for name, values := range query {
		if !slices.Contains(flow.Webhook.Params, name) {
			continue
		}
		if len(values) > 1 {
			return nil, httpx.BadRequest("bad_query", "the parameter "+name+" comes twice")
		}
		if params == nil {
			params = map[string]string{}
		}
		params[name] = values[0]
	}
	return params, nil
}

// deliveryKey makes one run of a delivery that is sent again: by what the
// flow says identifies it, else by the sender's own name for it. Senders send
// again what failed, so that a run which failed is none.
func (a *api) deliveryKey(c *gin.Context, d *Delivery, flow *flows.Flow, verifier Verifier, s *queue.Submission) (*queue.IdempotencyKey, error) {
	scope := s.Principal + "\x00"
	if flow.Webhook.IdempotencyKey != nil {
		key, err := a.config.Runner.FlowKey(c.Request.Context(), flow, s)
		if err != nil || key == "" {
			return nil, err
		}
		return &queue.IdempotencyKey{Key: "flow\x00" + scope + key, Window: runner.IdempotencyWindow, RetryFailed: true}, nil
	}
	id := verifier.ID(d)
	if id == "" {
		return nil, nil
	}
	return &queue.IdempotencyKey{Key: "delivery\x00" + scope + id, Window: runner.IdempotencyWindow, RetryFailed: true}, nil
}

// faultOfEvent says why a delivery is no event.
func faultOfEvent(err error) error {
	switch {
	case errors.Is(err, ErrType):
		return &httpx.Fault{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
			Message: "the Content-Type must be application/json or application/x-www-form-urlencoded, in UTF-8", Err: err}
	case errors.Is(err, ErrForm):
		return &httpx.Fault{Status: http.StatusBadRequest, Code: "bad_form", Message: "the form cannot be read", Err: err}
	}
	return err
}

func flowNumber(n int64) string { return strconv.FormatInt(n, 10) }

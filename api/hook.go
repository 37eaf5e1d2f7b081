package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/hooks"
	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// kindHook is the kind of principal that a webhook's sender is: "hook:69".
const kindHook auth.Kind = "hook"

const (
	pathHook = "/hooks/:flow"
	// retryDisabled is when a sender may try a flow again that is switched off.
	retryDisabled = time.Minute
)

// errHook is all that a sender hears whose proof does not fit, whatever is
// wrong: that the flow is not there, takes no webhooks, or another signature.
// The log says which.
func errHook(why error) error {
	return &httpx.Fault{Status: http.StatusUnauthorized, Code: string(auth.CodeUnauthorized), Message: "there is no such webhook, or it was not signed as it should be", Err: why}
}

// hook answers POST /hooks/{flow}: a delivery that its sender has signed in
// its own way runs the flow.
func (a *API) hook(c *gin.Context) {
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
	if asks, ok := verifier.(hooks.Challenger); ok {
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
	if flow.Webhook.Reply == "ack" || a.runner.Paused(flow.Number) { // many senders never send again what was refused
		a.runner.Answer(c, s, runner.Preference{Given: true})
		return
	}
	a.runner.Answer(c, s, runner.Preference{})
}

// readDelivery reads a request whole, before anything is believed of it.
func (a *API) readDelivery(c *gin.Context) (*hooks.Delivery, *flows.Flow, error) {
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
		return nil, nil, a.judgeDelivery(c, c.Param("flow"), false, errors.New("no flow with that number or slug has trigger.webhook.verify"))
	}
	d := &hooks.Delivery{Header: c.Request.Header, Query: query, Body: body, Now: a.config.Now()}
	if flow.Webhook.Verify.Scheme == "twilio" {
		d.URLs = hooks.URLs(a.calledURL(c, flow.Webhook.Verify.URL))
	}
	return d, flow, nil
}

// calledURL is the URL that a sender called, as far as it is known here: what
// the flow says, or the issuer's. What a request says of its host counts for
// nothing.
func (a *API) calledURL(c *gin.Context, said string) string {
	if said == "" {
		return a.config.Authority.Issuer() + c.Request.URL.RequestURI()
	}
	if raw := c.Request.URL.RawQuery; raw != "" && !strings.Contains(said, "?") {
		return said + "?" + raw
	}
	return said
}

// verify holds a delivery against the secrets of its flow.
func (a *API) verify(c *gin.Context, d *hooks.Delivery, flow *flows.Flow) (hooks.Verifier, error) {
	verifier, err := hooks.New(flow.Webhook.Verify)
	if err != nil {
		return nil, err // the parser knows the same schemes
	}
	secrets, err := a.secretsOf(c, flow.Webhook.Verify.Secrets)
	if err != nil {
		return nil, err
	}
	why := verifier.Verify(d, secrets)
	if len(secrets) == 0 {
		why = fmt.Errorf("none of the secrets %q is stored", flow.Webhook.Verify.Secrets)
	}
	strong := hooks.Signs(flow.Webhook.Verify.Scheme) && auth.Strong(secrets...)
	if err := a.judgeDelivery(c, flowNumber(flow.Number), strong, why); err != nil {
		return nil, err
	}
	return verifier, nil
}

// judgeDelivery refuses a delivery that is not proved, or that came too soon
// after too many of those. A webhook that is not there is guarded like one
// that is.
func (a *API) judgeDelivery(c *gin.Context, name string, strong bool, why error) error {
	return a.config.Guesses.Judge(c.Request.Context(), auth.Guess{
		Name: string(kindHook) + ":" + name, IP: c.ClientIP(), Now: a.config.Now(), Fits: why == nil, Strong: strong,
	}, errHook(why))
}

// secretsOf looks secrets up by their names. One that is missing proves
// nothing.
func (a *API) secretsOf(c *gin.Context, names []string) ([]string, error) {
	var values []string
	for _, name := range names {
		value, err := a.config.Store.Secrets().Secret(c.Request.Context(), name)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return nil, errors.Join(auth.ErrUnavailable, err)
		default:
			values = append(values, value)
		}
	}
	return values, nil
}

// admitDelivery decides whether a delivery that was verified may run its flow,
// and as what.
func (a *API) admitDelivery(c *gin.Context, d *hooks.Delivery, flow *flows.Flow, verifier hooks.Verifier) (queue.Submission, error) {
	if head, err := a.config.Store.Flows().Head(flowNumber(flow.Number)); err == nil && !head.Enabled {
		return queue.Submission{}, &httpx.Fault{Status: http.StatusServiceUnavailable, Code: "disabled", Message: "this webhook is switched off; send again later", Retry: retryDisabled}
	}
	if err := httpx.Take(c, "hooks"); err != nil {
		return queue.Submission{}, err
	}
	event, err := hooks.Event(d, httpx.MaxDepth)
	if err != nil {
		return queue.Submission{}, eventFault(err)
	}
	s := runner.Submission(c, flow, httpx.StateOf(c).Principal)
	s.Event = event
	if s.Params, err = deliveredParams(flow, d.Query); err != nil {
		return queue.Submission{}, err
	}
	s.Guard, err = a.deliveryGuard(c, d, flow, verifier, &s)
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

// deliveryGuard makes one run of a delivery that is sent again: by what the
// flow says identifies it, else by the sender's own name for it. Senders send
// again what failed, so that a run which failed is none.
func (a *API) deliveryGuard(c *gin.Context, d *hooks.Delivery, flow *flows.Flow, verifier hooks.Verifier, s *queue.Submission) (*queue.Guard, error) {
	scope := s.Principal + "\x00"
	if flow.Webhook.IdempotencyKey != nil {
		key, err := a.runner.FlowKey(c.Request.Context(), flow, s)
		if err != nil || key == "" {
			return nil, err
		}
		return &queue.Guard{Key: "flow\x00" + scope + key, Window: runner.IdempotencyWindow, Again: true}, nil
	}
	id := verifier.ID(d)
	if id == "" {
		return nil, nil
	}
	return &queue.Guard{Key: "delivery\x00" + scope + id, Window: runner.IdempotencyWindow, Again: true}, nil
}

// hookChallenge answers GET /hooks/{flow}: Meta's question, when somebody
// subscribes, whether this is the right door.
func (a *API) hookChallenge(c *gin.Context) {
	d, flow, err := a.readDelivery(c)
	if err == nil {
		err = a.verifyChallenge(c, d, flow)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	writeChallenge(c, d.Query.Get("hub.challenge"))
}

// verifyChallenge holds a handshake against its token, which is guarded like
// the flow's own secrets, but apart from them.
func (a *API) verifyChallenge(c *gin.Context, d *hooks.Delivery, flow *flows.Flow) error {
	name := flow.Webhook.Verify.VerifyToken
	why := errors.New("it is not a handshake that the flow knows")
	if d.Query.Get("hub.mode") == "subscribe" && name != "" {
		secrets, err := a.secretsOf(c, []string{name})
		if err != nil {
			return err
		}
		why = hooks.ErrWrong
		if len(secrets) == 1 && sameText(d.Query.Get("hub.verify_token"), secrets[0]) {
			why = nil
		}
	}
	return a.judgeDelivery(c, flowNumber(flow.Number)+"/verify_token", false, why)
}

// sameText compares without telling where texts differ.
func sameText(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// writeChallenge repeats what a sender wants to hear.
func writeChallenge(c *gin.Context, text string) {
	if !httpx.SaneID(text) {
		httpx.Fail(c, httpx.BadRequest("bad_challenge", "the challenge is not one that is repeated here"))
		return
	}
	httpx.Write(c, http.StatusOK, httpx.TypeText, []byte(text))
}

// eventFault says why a delivery is no event.
func eventFault(err error) error {
	switch {
	case errors.Is(err, hooks.ErrType):
		return &httpx.Fault{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type",
			Message: "the Content-Type must be application/json or application/x-www-form-urlencoded, in UTF-8", Err: err}
	case errors.Is(err, hooks.ErrForm):
		return &httpx.Fault{Status: http.StatusBadRequest, Code: "bad_form", Message: "the form cannot be read", Err: err}
	}
	return err
}

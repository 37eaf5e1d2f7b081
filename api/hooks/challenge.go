package hooks

import (
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/sender"
)

// errNoQuestion is why a request is rejected that is neither a delivery nor a question that the sender of the flow asks.
var errNoQuestion = errors.New("it is not a handshake that the flow knows")

// probe answers HEAD /hooks/{flow} with 200, because some senders, as Trello, check the URL before they send. The response
// is the same for every name, so that it does not reveal which flows exist.
func probe(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Status(http.StatusOK)
}

// asked reports whether the flow's sender asks questions with the method of the request.
func (a *api) asked(c *gin.Context) bool {
	flow, ok := a.config.Flows.Find(c.Param("flow"))
	return ok && flow.Webhook != nil && flow.Webhook.Verify != nil && flow.Webhook.Verify.Sender.Asks(c.Request.Method)
}

// prove checks that a request comes from the sender of the flow, and returns the question that it asks; nil: it is a
// delivery. A body is not parsed before its signature is verified.
func (a *api) prove(c *gin.Context, d *sender.Delivery, flow *flows.Flow) (*sender.Challenge, error) {
	scheme, name := flow.Webhook.Verify.Sender, flowNumber(flow.Number)
	if question := scheme.UnsignedChallenge(d); question != nil {
		if question.Unproved() {
			return question, nil
		}
		return question, a.verifyToken(c, d, flow, question)
	}
	if !flow.Webhook.Accepts(d.Method) && !scheme.Asks(d.Method) {
		return nil, a.checkProof(c, name, false, errNoQuestion)
	}
	if err := a.verify(c, d, flow); err != nil {
		return nil, err
	}
	question := scheme.Challenge(d)
	if question == nil && !flow.Webhook.Accepts(d.Method) {
		return nil, errRejected(errNoQuestion)
	}
	return question, nil
}

// verifyToken checks the token of a question. The brute-force guard counts it separately from the secrets of the flow.
func (a *api) verifyToken(c *gin.Context, d *sender.Delivery, flow *flows.Flow, question *sender.Challenge) error {
	secrets, err := a.secretsOf(c.Request.Context(), []string{flow.Webhook.Verify.VerifyToken})
	if err != nil {
		return err
	}
	name := flow.Webhook.Verify.VerifyToken
	finding := deliveries.Finding{Word: "verify_token", Secret: name, Text: "the token of the question is another one"}
	if len(secrets) == 0 {
		finding.Text = notStored
	}
	var why error = &proofError{sender.ErrWrong, []deliveries.Finding{finding}}
	if question.Proves(d, secrets) {
		why = nil
	}
	return a.checkProof(c, flowNumber(flow.Number)+"/verify_token", false, why)
}

// answer writes the answer to a question.
func (a *api) answer(c *gin.Context, d *sender.Delivery, flow *flows.Flow, question *sender.Challenge) error {
	secrets, err := a.secretsOf(c.Request.Context(), flow.Webhook.Verify.Secrets)
	if err != nil {
		return err
	}
	reply, err := question.Answer(d, secrets)
	if err != nil {
		return &httpx.Fault{Status: http.StatusBadRequest, Code: "bad_challenge", Message: "the challenge is not one that is repeated here", Err: err}
	}
	if reply.Visit != "" {
		if a.config.Keys == nil {
			return fmt.Errorf("%w: %w", auth.ErrUnavailable, sender.ErrKeys)
		}
		if err := a.config.Keys.Visit(c.Request.Context(), reply.Visit); err != nil {
			return fmt.Errorf("%w: confirm subscription: %w", auth.ErrUnavailable, err)
		}
	}
	writeReply(c, reply)
	return nil
}

func writeReply(c *gin.Context, reply *sender.Answer) {
	maps.Copy(c.Writer.Header(), reply.Header)
	kind := httpx.TypeText
	if reply.JSON {
		kind = httpx.TypeJSON
	}
	httpx.Write(c, http.StatusOK, kind, reply.Body)
}

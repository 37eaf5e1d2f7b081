package hooks

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/sender"
)

// proofError is a wrong proof with what is known of it. It is for the log and for administrators.
type proofError struct {
	error
	findings []deliveries.Finding
}

func (e *proofError) Unwrap() error { return e.error }

// explained adds to a wrong proof what is wrong with it. named are the names of the flow's secrets, stored those that the
// findings are about.
func explained(why error, findings []sender.Finding, named, stored []string) error {
	e := &proofError{error: why}
	for _, name := range named {
		if !slices.Contains(stored, name) {
			e.findings = append(e.findings, deliveries.Finding{Word: "secret", Secret: name, Text: notStored})
		}
	}
	for _, f := range findings {
		found := deliveries.Finding{Word: f.Word, Text: f.Text}
		if f.Secret >= 0 {
			found.Secret = stored[f.Secret]
		}
		e.findings = append(e.findings, found)
	}
	return e
}

const notStored = "it is not stored"

// Error implements error. The text has what the error itself does not say.
func (e *proofError) Error() string {
	text := e.error.Error()
	for _, f := range e.findings {
		switch {
		case f.Secret != "":
			text += ": secret " + strconv.Quote(f.Secret) + ": " + f.Text
		case !strings.Contains(text, f.Text):
			text += ": " + f.Text
		}
	}
	return text
}

// record adds a request to the deliveries of its flow, after the response.
func (a *api) record(c *gin.Context) {
	x, verdict := httpx.StateOf(c), deliveries.Answered
	switch {
	case x.Run != "":
		verdict = deliveries.Accepted
	case x.Fault != nil:
		verdict = deliveries.Rejected
	}
	if a.config.Deliveries == nil || a.config.Deliveries.Busy(verdict) {
		return
	}
	flow, ok := a.config.Flows.Find(c.Param("flow"))
	if !ok {
		return
	}
	d := deliveries.Delivery{
		Flow: flow.Number, Version: flow.Version, Method: c.Request.Method, Verdict: verdict, Status: c.Writer.Status(), Run: x.Run, Repeated: x.Attached,
		IP: c.ClientIP(), RequestID: x.ID, ContentType: c.GetHeader("Content-Type"), Size: max(c.Request.ContentLength, int64(len(x.Body()))),
	}
	if x.Flow != nil && x.Flow.Number == flow.Number { // not one that was deployed meanwhile
		d.Version = x.Flow.Version
	}
	if x.Fault != nil {
		d.Status, d.Code = x.Fault.Status, x.Fault.Code
		d.Why, d.Findings = reasons(x.Fault)
	}
	if a.config.Deliveries.Recording(flow.Number) {
		d.Content = a.contentOf(c, flow)
	}
	a.config.Deliveries.Add(d)
}

// reasons returns why a request failed: of a wrong proof, what the sender does not get.
func reasons(f *httpx.Fault) (string, []deliveries.Finding) {
	if f.Status != http.StatusUnauthorized || f.Err == nil {
		return f.Message, nil
	}
	var proof *proofError
	if errors.As(f.Err, &proof) {
		return f.Err.Error(), proof.findings
	}
	return f.Err.Error(), nil
}

// contentOf returns a function that returns the headers and the body of a request without secrets.
func (a *api) contentOf(c *gin.Context, flow *flows.Flow) func(context.Context) (*deliveries.Content, error) {
	header, query, body, omitted := c.Request.Header, c.Request.URL.RawQuery, httpx.StateOf(c).Body(), ""
	switch {
	case len(body) > deliveries.MaxBody:
		body, omitted = nil, deliveries.TooLarge
	case body == nil && c.Request.ContentLength != 0:
		omitted = "it was not read, or its files are with the run"
	}
	return func(ctx context.Context) (*deliveries.Content, error) {
		var secrets deliveries.Secrets
		if flow.Webhook != nil && flow.Webhook.Verify != nil {
			v := flow.Webhook.Verify
			c := v.Sender.Credentials()
			secrets = deliveries.Secrets{Headers: c.Headers, Signatures: c.Signatures, Names: c.Names}
			var err error
			if secrets.Values, err = a.secretsOf(ctx, append(slices.Clone(v.Secrets), v.VerifyToken)); err != nil {
				return nil, err
			}
		}
		return deliveries.NewContent(header, query, body, omitted, &secrets), nil
	}
}

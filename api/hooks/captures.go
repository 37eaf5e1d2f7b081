package hooks

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/internal/deliveries"
	"github.com/penstock/penstock/internal/sender"
)

// pathCapture is the route of the requests that a capture takes.
const pathCapture = "/hooks/captures/:token"

// captureMethods are the methods that a capture takes. Read only.
var captureMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// captureView is a capture in responses.
type captureView struct {
	ID       string                `json:"capture"`
	URL      string                `json:"url"` // for the sender
	Until    time.Time             `json:"until"`
	Full     bool                  `json:"full"` // further requests are answered, and not kept
	Requests []deliveries.Captured `json:"requests"`
}

func (a *api) viewCapture(c *deliveries.Capture) captureView {
	return captureView{c.Token, a.config.Authority.Issuer() + "/hooks/captures/" + c.Token, c.Until, c.Full(), append([]deliveries.Captured{}, c.Requests...)}
}

// openCapture answers POST /v1/captures: a URL that takes any request for a time, to see what an unknown sender sends.
func (a *api) openCapture(c *gin.Context) {
	length, err := readSeconds(c, deliveries.DefaultCapture, deliveries.MaxCapture)
	var capture *deliveries.Capture
	if err == nil {
		capture, err = a.config.Deliveries.OpenCapture(c.Request.Context(), httpx.StateOf(c).Principal.String(), length)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.Created(c, "/v1/captures/"+url.PathEscape(capture.Token), a.viewCapture(capture))
}

// readCapture answers GET /v1/captures/{capture} for the principal that opened it.
func (a *api) readCapture(c *gin.Context) {
	capture, err := a.config.Deliveries.FindCapture(c.Request.Context(), httpx.StateOf(c).Principal.String(), c.Param("capture"))
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, a.viewCapture(capture))
}

// closeCapture answers DELETE /v1/captures/{capture}: it deletes what came.
func (a *api) closeCapture(c *gin.Context) {
	httpx.StateOf(c).Object = "capture" // the token is no text for the audit log
	if err := a.config.Deliveries.CloseCapture(c.Request.Context(), httpx.StateOf(c).Principal.String(), c.Param("capture")); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.NoContent(c)
}

// capture answers any method of /hooks/captures/{token}. It proposes the sender of the request, and answers a question that
// a sender of the catalogue asks without a proof.
func (a *api) capture(c *gin.Context) {
	room, err := a.config.Deliveries.CaptureHasRoom(c.Request.Context(), c.Param("token"))
	var body []byte
	if err == nil {
		body, err = httpx.ReadBody(c)
	}
	if err == nil && room {
		var found []sender.Candidate
		if found, err = a.keepCaptured(c, body); err == nil && a.answeredCaptured(c, body, found) {
			return
		}
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.Write(c, http.StatusOK, httpx.TypeJSON, []byte(`{"captured":true}`))
}

// captured returns the request as senders are recognised by.
func captured(c *gin.Context, body []byte) *sender.Delivery {
	return &sender.Delivery{Method: c.Request.Method, Header: c.Request.Header, Query: c.Request.URL.Query(), Body: body, Path: c.Request.URL.RequestURI(), Now: httpx.Now(c)}
}

func (a *api) keepCaptured(c *gin.Context, body []byte) ([]sender.Candidate, error) {
	found := sender.Detect(captured(c, body))
	r := &deliveries.Captured{
		At: httpx.Now(c).UTC(), Method: c.Request.Method, IP: c.ClientIP(), Size: int64(len(body)), ContentType: c.GetHeader("Content-Type"),
		Candidates: []deliveries.Candidate{},
	}
	var secrets deliveries.Secrets
	for _, f := range found {
		r.Candidates = append(r.Candidates, deliveries.Candidate{Sender: f.Entry.Name, Title: f.Entry.Title, Why: f.Why, Lines: f.Entry.Lines()})
		credentials := f.Scheme.Credentials()
		secrets.Headers = append(secrets.Headers, credentials.Headers...)
		secrets.Signatures = append(secrets.Signatures, credentials.Signatures...)
		secrets.Names = append(secrets.Names, credentials.Names...)
	}
	r.Content = *deliveries.NewContent(c.Request.Header, c.Request.URL.RawQuery, body, "", &secrets)
	return found, a.config.Deliveries.AddCaptured(c.Request.Context(), c.Param("token"), r)
}

// answeredCaptured answers a question of the likeliest sender that needs no proof and no secret.
func (a *api) answeredCaptured(c *gin.Context, body []byte, found []sender.Candidate) bool {
	if len(found) == 0 {
		return false
	}
	d := captured(c, body)
	question := found[0].Scheme.UnsignedChallenge(d)
	if question == nil || !question.Unproved() {
		return false
	}
	reply, err := question.Answer(d, nil)
	if err != nil || reply.Visit != "" {
		return false
	}
	writeReply(c, reply)
	return true
}

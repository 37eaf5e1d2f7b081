package hooks

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/sender"
	"github.com/penstock/penstock/queue"
)

// admitUnsigned refuses what a sender without a proof may not do, and pages of other origins.
func (a *api) admitUnsigned(c *gin.Context, d *sender.Delivery, flow *flows.Flow) error {
	v := flow.Webhook.Verify
	if err := allowOrigin(c, v.Origins); err != nil || v.Open == nil {
		return err
	}
	use := limits.Use{Endpoint: "hooks", Route: "unsigned " + flowNumber(flow.Number), IP: c.ClientIP(), Rate: v.Open.Limit}
	if err := httpx.Count(c, "webhook", use); err != nil {
		return err
	}
	if d.Header["Content-Encoding"] != nil {
		return httpx.Unsupported("this webhook takes no Content-Encoding")
	}
	if len(d.Body) > v.Open.MaxBody {
		return &httpx.Fault{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: "the body is larger than this webhook takes"}
	}
	return nil
}

// allowOrigin refuses pages of origins that are not listed, and lets others read the answer; without a list it does
// nothing. Programs that are no browsers name no origin, or any that they like.
func allowOrigin(c *gin.Context, origins []string) error {
	if len(origins) == 0 {
		return nil
	}
	h := c.Writer.Header()
	h.Add("Vary", "Origin")
	origin := originOf(c.Request.Header)
	switch {
	case origin != "" && !slices.Contains(origins, origin):
		h.Del("Access-Control-Allow-Origin") // of an origin that the installation allows elsewhere
		return &httpx.Fault{Status: http.StatusForbidden, Code: "origin_not_allowed", Message: "pages of this origin may not send here"}
	case c.GetHeader("Origin") != "":
		h["Access-Control-Allow-Origin"], h["Access-Control-Expose-Headers"] = []string{origin}, exposed
	}
	return nil
}

// exposed are the headers of an answer that pages may read. Read only.
var exposed = []string{"Location, Penstock-Run-Id, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"}

// originOf returns the origin of the page that sends: Origin or, as some browsers leave that out of forms, the one of
// Referer; empty: no page does. "null" is the origin of a page that hides it.
func originOf(h http.Header) string {
	if origin := h.Get("Origin"); origin != "" {
		return origin
	}
	referer := h.Get("Referer")
	if referer == "" {
		return ""
	}
	u, err := url.Parse(referer)
	if err != nil || u.Host == "" {
		return "null"
	}
	return u.Scheme + "://" + u.Host
}

// preflight answers OPTIONS /hooks/{flow}: whether pages of an origin may send (Fetch standard). For other origins than those
// of the flow the answer is the same as for a flow that does not exist.
func (a *api) preflight(c *gin.Context) {
	c.Writer.Header().Add("Vary", "Origin")
	origin, h := c.GetHeader("Origin"), c.Writer.Header()
	h["Allow"] = []string{"GET, HEAD, OPTIONS, POST"}
	flow, ok := a.config.Flows.Find(c.Param("flow"))
	if ok && origin != "" && flow.Webhook != nil && flow.Webhook.Verify != nil && slices.Contains(flow.Webhook.Verify.Origins, origin) {
		headers := "Content-Type, X-Request-Id"
		spec := flow.Webhook.Verify.Sender.Spec()
		for _, name := range slices.Concat(spec.Header, []string{spec.IDHeader}) {
			if name != "" {
				headers += ", " + http.CanonicalHeaderKey(name)
			}
		}
		if spec.Scheme == "token" && len(spec.Header) == 0 && spec.Param == "" {
			headers += ", Authorization"
		}
		h["Access-Control-Allow-Origin"] = []string{origin}
		h["Access-Control-Allow-Methods"] = []string{http.MethodPost}
		h["Access-Control-Allow-Headers"] = []string{headers}
		h["Access-Control-Max-Age"] = []string{"600"}
	}
	httpx.NoContent(c)
}

// trapped reports whether the event fills the honeypot, as programs do that fill every field of a form.
func (a *api) trapped(c *gin.Context, flow *flows.Flow, s *queue.Submission) (filled bool, err error) {
	open := flow.Webhook.Verify.Open
	if open == nil || open.Honeypot == "" {
		return false, nil
	}
	err = a.config.Runner.WithValue(c.Request.Context(), s.Event, func(_ context.Context, event any) error {
		members, _ := event.(map[string]any)
		value, given := members[open.Honeypot]
		filled = given && value != nil && value != ""
		return nil
	})
	return filled, err
}

// answerTrapped answers as a run would, without one. The log of rejections has it.
func answerTrapped(c *gin.Context, open *flows.Unsigned) {
	status, body := http.StatusOK, []byte(`{"success":true}`)
	if open.HoneypotLocation != "" {
		c.Header("Location", open.HoneypotLocation)
		status, body = http.StatusSeeOther, nil
	}
	httpx.Write(c, status, httpx.TypeJSON, body)
	httpx.StateOf(c).Fault = &httpx.Fault{Status: status, Code: "honeypot", Message: "the honeypot field is filled"}
}

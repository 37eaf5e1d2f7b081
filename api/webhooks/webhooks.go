package webhooks

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/webhook"
)

// listWebhooks answers GET /v1/flows/{flow}/webhooks, the newest first.
func (a *api) listWebhooks(c *gin.Context) {
	var all []webhook.Delivery
	flow, err := a.flow(c, auth.ScopeReadRuns)
	if err == nil {
		all, err = a.config.Webhooks.List(c.Request.Context(), flow)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	type delivery = webhook.Delivery
	httpx.List(c, listing.Schema[delivery]{Fields: []listing.Field[delivery]{
		listing.Text("id", func(d *delivery) string { return d.ID }),
		listing.Word("state", webhook.States(), func(d *delivery) webhook.State { return d.State }),
		listing.Text("type", func(d *delivery) string { return d.Type }),
		listing.Text("url", func(d *delivery) string { return d.URL }),
		listing.Text("endpoint_id", func(d *delivery) string { return d.Endpoint }),
		listing.Text("run_id", func(d *delivery) string { return d.Run }),
		listing.Time("created_at", func(d *delivery) time.Time { return d.Created }),
	}}, all)
}

// readWebhook answers GET /v1/flows/{flow}/webhooks/{webhook} with the delivery and its body.
func (a *api) readWebhook(c *gin.Context) {
	flow, err := a.flow(c, auth.ScopeReadRuns)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.write(c, flow)
}

// redeliver answers POST /v1/flows/{flow}/webhooks/{webhook}/redeliver: the webhook is sent again, whatever came of
// it before.
func (a *api) redeliver(c *gin.Context) {
	flow, err := a.flow(c, auth.ScopeWriteRuns)
	if err == nil {
		httpx.StateOf(c).Object = "webhook:" + c.Param("webhook")
		err = a.config.Webhooks.Redeliver(c.Request.Context(), flow, c.Param("webhook"))
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	a.write(c, flow)
}

func (a *api) write(c *gin.Context, flow int64) {
	d, err := a.config.Webhooks.Delivery(c.Request.Context(), flow, c.Param("webhook"))
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	if !httpx.StateOf(c).Principal.MayForOthers(auth.ScopeReadRuns, flow) {
		cut := *d
		cut.Body, cut.Tries = nil, slices.Clone(d.Tries)
		for i := range cut.Tries {
			cut.Tries[i].Error, cut.Tries[i].Response = "", ""
		}
		d = &cut
	}
	httpx.WriteJSON(c, http.StatusOK, d)
}

// listEndpoints answers GET /v1/flows/{flow}/webhook-endpoints, the last used first.
func (a *api) listEndpoints(c *gin.Context) {
	var all []webhook.Endpoint
	flow, err := a.flow(c, auth.ScopeReadRuns)
	if err == nil {
		all, err = a.config.Webhooks.Endpoints(c.Request.Context(), flow)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	type endpoint = webhook.Endpoint
	httpx.List(c, listing.Schema[endpoint]{Fields: []listing.Field[endpoint]{
		listing.Text("id", func(e *endpoint) string { return e.ID }),
		listing.Text("url", func(e *endpoint) string { return e.URL }),
		listing.Number("failures", func(e *endpoint) int64 { return int64(e.Failures) }),
		listing.Text("reason", func(e *endpoint) string { return e.Reason }),
		listing.Time("used_at", func(e *endpoint) time.Time { return e.Used }),
		listing.Time("failing_since", func(e *endpoint) time.Time { return e.Failing }),
		listing.Time("disabled_at", func(e *endpoint) time.Time { return e.Disabled }),
	}}, all)
}

// setEnabled answers POST /v1/flows/{flow}/webhook-endpoints/{endpoint}/enable and /disable.
func (a *api) setEnabled(enabled bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		flow, err := a.flow(c, auth.ScopeWriteRuns)
		if err == nil {
			httpx.StateOf(c).Object = "endpoint:" + c.Param("endpoint")
			err = a.config.Webhooks.Enable(c.Request.Context(), flow, c.Param("endpoint"), enabled)
		}
		if err != nil {
			httpx.Fail(c, err)
			return
		}
		httpx.WriteEmpty(c, http.StatusNoContent)
	}
}

// Package webhooks has the endpoints that show the webhooks which flows send, send them again, and switch the
// endpoints that receive them.
package webhooks

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/internal/webhook"
	"github.com/penstock/penstock/store"
)

// Webhooks has the webhooks and endpoints of flows. *webhook.Store implements it.
type Webhooks interface {
	List(ctx context.Context, flow int64) ([]webhook.Delivery, error)
	Delivery(ctx context.Context, flow int64, id string) (*webhook.Delivery, error)
	Redeliver(ctx context.Context, flow int64, id string) error
	Endpoints(ctx context.Context, flow int64) ([]webhook.Endpoint, error)
	Enable(ctx context.Context, flow int64, endpoint string, enabled bool) error
}

// Config of the routes. Both are required.
type Config struct {
	Webhooks Webhooks
	Flows    *store.Flows
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes to the group /v1/flows, where requests are authenticated and changes are audited.
func Mount(group gin.IRouter, config Config) {
	a := &api{config}
	read, write := httpx.Requires(auth.ScopeReadRuns), httpx.Requires(auth.ScopeWriteRuns)
	group.GET("/:flow/webhooks", read, a.listWebhooks)
	group.GET("/:flow/webhooks/:webhook", read, a.readWebhook)
	group.POST("/:flow/webhooks/:webhook/redeliver", write, a.redeliver)
	group.GET("/:flow/webhook-endpoints", read, a.listEndpoints)
	group.POST("/:flow/webhook-endpoints/:endpoint/enable", write, a.setEnabled(true))
	group.POST("/:flow/webhook-endpoints/:endpoint/disable", write, a.setEnabled(false))
}

var errNoFlow = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such flow for you"}

// flow returns the number of the flow in the path, if the principal may do this with the runs of others, whose data
// the webhooks have. The error is the same for an unknown flow and for one that the principal may not access.
func (a *api) flow(c *gin.Context, scope auth.Scope) (int64, error) {
	p := httpx.StateOf(c).Principal
	flow, err := a.config.Flows.Deployment(c.Param("flow"))
	if err != nil || !p.MayForOthers(scope, flow.Number) {
		return 0, errNoFlow
	}
	return flow.Number, nil
}

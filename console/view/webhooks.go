package view

import (
	"context"
	"time"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/internal/webhook"
)

// Webhooks is the content of the page with the webhooks of a flow.
type Webhooks struct {
	Flow      FlowRow
	State     webhook.State      // shown; empty: all
	Items     []webhook.Delivery // newest first
	Found     int                // webhooks in that state, of which Items may have only the newest
	None      bool               // the flow has no delivery in any state
	Endpoints []webhook.Endpoint // last used first
}

func (f FlowRow) webhookPath(id string) string { return f.path() + "/webhooks/" + id }

// webhookDot returns the state of a run whose mark a delivery has.
func webhookDot(s webhook.State) string {
	switch s {
	case webhook.Delivered:
		return "succeeded"
	case webhook.Failed:
		return "failed"
	case webhook.Disabled:
		return "cancelled"
	}
	return "queued"
}

// until describes the time until a later one in short form; "now" when it has come.
func until(ctx context.Context, t, now time.Time) string {
	return timeTo(ctx, t, now)
}

// lastTry describes the result of the latest try; empty: there was none.
func lastTry(d *webhook.Delivery) string {
	if len(d.Tries) == 0 {
		return ""
	}
	return d.Tries[len(d.Tries)-1].Error
}

// disabledBecause describes why an endpoint is disabled.
func disabledBecause(ctx context.Context, reason string) string {
	switch reason {
	case "gone":
		return language.T(ctx, "it answered 410 Gone")
	case "failing":
		return language.T(ctx, "it failed for five days")
	}
	return language.T(ctx, "by hand")
}

package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// webhookMetrics are the metrics of the webhooks that this process sends.
type webhookMetrics struct {
	duration *prometheus.HistogramVec
	disabled *prometheus.CounterVec
}

func newWebhookMetrics(m *Metrics) webhookMetrics {
	return webhookMetrics{
		duration: m.histogram("penstock_webhook_try_duration_seconds",
			"Duration of a try of a webhook, by the state of the webhook after it: delivered, pending (it is tried again), failed (it was the last try), disabled (its endpoint is) or stale (another try counts).",
			runBounds, "state"),
		disabled: m.counter("penstock_webhook_endpoints_disabled_total",
			"Endpoints of webhooks that were disabled, by reason: gone (status 410) or failing (for five days).", "reason"),
	}
}

// WebhookTried implements webhook.Meter.
func (m *Metrics) WebhookTried(state string, took time.Duration) {
	m.webhooks.duration.WithLabelValues(state).Observe(took.Seconds())
}

// WebhookEndpointDisabled implements webhook.Meter.
func (m *Metrics) WebhookEndpointDisabled(reason string) {
	m.webhooks.disabled.WithLabelValues(reason).Inc()
}

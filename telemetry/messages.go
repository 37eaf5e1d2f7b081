package telemetry

import "github.com/prometheus/client_golang/prometheus"

// messageMetrics are the metrics of messages that start runs.
type messageMetrics struct {
	outcomes  *prometheus.CounterVec
	consumers *prometheus.GaugeVec
}

func newMessageMetrics(m *Metrics) messageMetrics {
	return messageMetrics{
		outcomes: m.counter("penstock_messages_total",
			"Messages of flows with a trigger of messages by outcome: accepted (again for one that was delivered again), refused (no run can hold it) or, for `acknowledge: ended`, rejected (its run failed).", "flow", "outcome"),
		consumers: m.gauge("penstock_message_consumers", "1 while a consumer of the messages of a flow is connected in this process, 0 while one connects or waits after a failure.", "flow"),
	}
}

// Message implements consume.Meter.
func (m *Metrics) Message(flow int64, outcome string) {
	m.messages.outcomes.WithLabelValues(m.runs.flows.label(flow), outcome).Inc()
}

// Consuming implements consume.Meter.
func (m *Metrics) Consuming(flow int64, on bool) {
	value := 0.0
	if on {
		value = 1
	}
	m.messages.consumers.WithLabelValues(m.runs.flows.label(flow)).Set(value)
}

// NotConsuming implements consume.Meter.
func (m *Metrics) NotConsuming(flow int64) {
	m.messages.consumers.DeleteLabelValues(m.runs.flows.label(flow))
}

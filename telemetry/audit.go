package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AuditExport is how far the audit log was exported to a sink.
type AuditExport struct {
	Sink         string
	Behind, Lost int64
	Failing      bool
}

// auditLimit is the maximum duration of reading how far the exports are.
const auditLimit = 2 * time.Second

// Audit exports how far the exports of the audit log are. They are read at each scrape.
func (m *Metrics) Audit(exports func(context.Context) ([]AuditExport, error)) {
	desc := func(kind, name, help string) *prometheus.Desc {
		labels := []string{"sink"}
		m.describe(name, kind, help, labels)
		return prometheus.NewDesc(name, help, labels, nil)
	}
	m.registry.MustRegister(&auditCollector{
		exports: exports,
		behind:  desc("gauge", "penstock_audit_export_behind", "Entries of the audit log that wait for being exported to a sink."),
		lost:    desc("counter", "penstock_audit_export_lost_total", "Entries of the audit log that were removed before they were exported to a sink."),
		failing: desc("gauge", "penstock_audit_export_failing", "1 while the last try to export the audit log to a sink has failed, else 0."),
	})
}

// auditCollector reads the exports once per scrape.
type auditCollector struct {
	exports               func(context.Context) ([]AuditExport, error)
	behind, lost, failing *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (a *auditCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- a.behind
	ch <- a.lost
	ch <- a.failing
}

// Collect implements prometheus.Collector. Without Redis there are no values.
func (a *auditCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), auditLimit)
	defer cancel()
	all, err := a.exports(ctx)
	if err != nil {
		return
	}
	for _, x := range all {
		ch <- prometheus.MustNewConstMetric(a.behind, prometheus.GaugeValue, float64(x.Behind), x.Sink)
		ch <- prometheus.MustNewConstMetric(a.lost, prometheus.CounterValue, float64(x.Lost), x.Sink)
		ch <- prometheus.MustNewConstMetric(a.failing, prometheus.GaugeValue, number(x.Failing), x.Sink)
	}
}

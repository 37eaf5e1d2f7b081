package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"penstock/queue"
)

// scrapeLimit is how long a scrape waits for Redis. Below Prometheus' usual
// timeout of 10 s, so that the rest is scraped when Redis is away.
const scrapeLimit = 3 * time.Second

// queueMetrics are what Redis says of the queues, asked at each scrape.
type queueMetrics struct {
	up, tasks, open, oldest, paused, workers *prometheus.Desc
}

func newQueueMetrics(m *Metrics) queueMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		m.describe(name, "gauge", help, labels)
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return queueMetrics{
		up:      desc("penstock_queues_up", "1 when Redis said how its queues are doing, else 0: then nothing else is known of them."),
		tasks:   desc("penstock_queue_tasks", "Tasks by state: pending, active, scheduled, retry, archived.", "queue", "state"),
		open:    desc("penstock_queue_open_runs", "Runs that have not ended: queued, running or waiting.", "queue"),
		oldest:  desc("penstock_queue_oldest_seconds", "How long the task has waited that comes next; 0 when none waits.", "queue"),
		paused:  desc("penstock_queue_paused", "1 while the queue is paused.", "queue"),
		workers: desc("penstock_queue_workers", "Live workers that serve the queue.", "queue"),
	}
}

// Inspector says how the queues are doing. *queue.Client is one.
type Inspector interface {
	Stats(ctx context.Context) ([]queue.Stats, error)
}

// Queues shows how the queues are doing. Every process that does shows the
// same: their numbers are not to be added up.
func (m *Metrics) Queues(from Inspector, log *slog.Logger) {
	m.registry.MustRegister(&inspection{queueMetrics: m.queues, from: from, log: log})
}

// inspection is responsible for asking once per scrape.
type inspection struct {
	queueMetrics
	from Inspector
	log  *slog.Logger
}

// Describe implements prometheus.Collector.
func (i *inspection) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{i.up, i.tasks, i.open, i.oldest, i.paused, i.workers} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (i *inspection) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	all, err := i.from.Stats(ctx)
	if err != nil {
		i.log.Warn("read queues for a scrape", "error", err)
		gauge(i.up, 0)
		return
	}
	gauge(i.up, 1)
	for _, q := range all {
		for state, n := range map[string]int64{
			"pending": q.Pending, "active": q.Active, "scheduled": q.Scheduled, "retry": q.Retry, "archived": q.Archived,
		} {
			gauge(i.tasks, float64(n), q.Queue, state)
		}
		gauge(i.open, float64(q.Open), q.Queue)
		gauge(i.oldest, q.Oldest.Seconds(), q.Queue)
		gauge(i.paused, number(q.Paused), q.Queue)
		gauge(i.workers, float64(q.Workers), q.Queue)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

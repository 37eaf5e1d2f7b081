package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock/penstock/queue"
)

// scrapeLimit is how long a scrape waits for Redis. It is below Prometheus' usual timeout of 10 s, so that the other
// metrics are scraped while Redis is unavailable.
const scrapeLimit = 3 * time.Second

// queueMetrics are the metrics of the queues, read from Redis at each scrape.
type queueMetrics struct {
	up, tasks, open, waiting, oldest, run, paused, workers *prometheus.Desc
	held, used, limit                                      *prometheus.Desc
	inLine, oldestInLine, turns                            *prometheus.Desc
}

func newQueueMetrics(m *Metrics) queueMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		m.describe(name, "gauge", help, labels)
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return queueMetrics{
		up:           desc("penstock_queues_up", "1 if the state of the queues could be read from Redis, else 0; then the other metrics of the queues are absent."),
		tasks:        desc("penstock_queue_tasks", "Tasks by state: pending, active, aggregating (in line for a slot), scheduled, retry, archived.", "queue", "state"),
		open:         desc("penstock_queue_open_runs", "Runs that have not ended: queued, running or waiting.", "queue"),
		waiting:      desc("penstock_queue_waiting_runs", "Runs without a task: parked at a step, waiting at a concurrency limit, or waiting because their flow is paused.", "queue"),
		oldest:       desc("penstock_queue_oldest_seconds", "Waiting time of the next pending task in seconds; 0 if there is none.", "queue"),
		run:          desc("penstock_queue_oldest_run_seconds", "Age of the oldest executing attempt in seconds; 0 if none has run for 2 s.", "queue"),
		paused:       desc("penstock_queue_paused", "1 while the queue is paused.", "queue"),
		workers:      desc("penstock_queue_workers", "Live workers that serve the queue.", "queue"),
		held:         desc("penstock_flow_held_runs", "Runs that wait because their flow is paused, for each paused flow.", "flow"),
		inLine:       desc("penstock_flow_line_runs", "Runs in line for a slot, by whether a caller waits for them; for the first hundred flows in line of each queue.", "flow", "waited"),
		oldestInLine: desc("penstock_flow_line_oldest_seconds", "Waiting time of the first run in line in seconds; 0 if there is none.", "flow", "waited"),
		turns:        desc("penstock_queue_turns", "Total number of runs taken out of a line for execution since the queue exists; use its rate.", "queue"),
		used:         desc("penstock_redis_memory_bytes", "Memory used by Redis; for a Cluster, by the primary with the highest share of its limit."),
		limit:        desc("penstock_redis_memory_limit_bytes", "The maxmemory of Redis; 0: none. New runs are rejected at 90 % of it."),
	}
}

// Inspector reads the state of the queues. *queue.Client implements it.
type Inspector interface {
	Stats(ctx context.Context) ([]queue.Stats, error)
	// Memory returns the bytes that Redis uses and may use; a limit of 0 means none.
	Memory(ctx context.Context) (used, limit int64, err error)
	// PausedRuns counts the waiting runs of each of these paused flows.
	PausedRuns(ctx context.Context, flows []int64) (map[int64]int64, error)
	// Sharing returns the runs that wait in line, by queue and flow.
	Sharing(ctx context.Context) ([]queue.Sharing, error)
}

// Queues exports the state of the queues. All processes that call it export the same values, which must not be added
// up. paused lists the paused flows.
func (m *Metrics) Queues(from Inspector, paused func() []int64, log *slog.Logger) {
	m.registry.MustRegister(&queueCollector{queueMetrics: m.queues, from: from, paused: paused, flows: m.runs.flows, log: log})
}

// queueCollector reads the queues once per scrape.
type queueCollector struct {
	queueMetrics
	from   Inspector
	paused func() []int64
	flows  *flowLabels
	log    *slog.Logger
}

// Describe implements prometheus.Collector.
func (i *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		i.queueMetrics.up, i.tasks, i.open, i.waiting, i.oldest, i.run, i.queueMetrics.paused, i.workers, i.held, i.used, i.limit, i.inLine, i.oldestInLine, i.turns,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (i *queueCollector) Collect(ch chan<- prometheus.Metric) {
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
	i.memory(ctx, gauge)
	i.pausedRuns(ctx, gauge)
	i.lines(ctx, gauge)
	for _, q := range all {
		for state, n := range map[string]int64{
			"pending": q.Pending, "active": q.Active, "aggregating": q.InLine, "scheduled": q.Scheduled, "retry": q.Retry, "archived": q.Archived,
		} {
			gauge(i.tasks, float64(n), q.Queue, state)
		}
		gauge(i.open, float64(q.Open), q.Queue)
		gauge(i.waiting, float64(q.Waiting), q.Queue)
		gauge(i.oldest, q.Oldest.Seconds(), q.Queue)
		gauge(i.run, q.OldestRun.Seconds(), q.Queue)
		gauge(i.queueMetrics.paused, number(q.Paused), q.Queue)
		gauge(i.workers, float64(q.Workers), q.Queue)
	}
}

// setGauge sends the value of one gauge.
type setGauge func(d *prometheus.Desc, v float64, labels ...string)

func (i *queueCollector) memory(ctx context.Context, gauge setGauge) {
	used, limit, err := i.from.Memory(ctx)
	if err != nil { // the user may lack the right to INFO
		i.log.Debug("read Redis' memory for a scrape", "error", err)
		return
	}
	gauge(i.used, float64(used))
	gauge(i.limit, float64(limit))
}

// pausedRuns exports the number of waiting runs of paused flows. Flows with the same label are added up.
func (i *queueCollector) pausedRuns(ctx context.Context, gauge setGauge) {
	paused := i.paused()
	if len(paused) == 0 {
		return
	}
	held, err := i.from.PausedRuns(ctx, paused[:min(len(paused), maxFlows)])
	if err != nil {
		i.log.Warn("count held runs for a scrape", "error", err)
		return
	}
	byLabel := map[string]int64{}
	for flow, n := range held {
		byLabel[i.flows.label(flow)] += n
	}
	for label, n := range byLabel {
		gauge(i.held, float64(n), label)
	}
}

// lineStats is the state of the lines of one label.
type lineStats struct {
	runs   [2]int // unwaited, waited
	oldest [2]time.Duration
}

// lines exports the runs that wait for a slot. Flows with the same label are added up.
func (i *queueCollector) lines(ctx context.Context, gauge setGauge) {
	all, err := i.from.Sharing(ctx)
	if err != nil {
		i.log.Warn("read who waits for a scrape", "error", err)
		return
	}
	byLabel := map[string]*lineStats{}
	for _, s := range all {
		gauge(i.turns, float64(s.Turns), s.Queue)
		for _, l := range s.Lines {
			label := i.flows.label(l.Flow)
			if byLabel[label] == nil {
				byLabel[label] = &lineStats{}
			}
			st := byLabel[label]
			st.runs[0], st.runs[1] = st.runs[0]+l.Unwaited, st.runs[1]+l.Waited
			st.oldest[0], st.oldest[1] = max(st.oldest[0], l.OldestUnwaited), max(st.oldest[1], l.OldestWaited)
		}
	}
	for label, st := range byLabel {
		for n, waited := range []string{"false", "true"} {
			gauge(i.inLine, float64(st.runs[n]), label, waited)
			gauge(i.oldestInLine, st.oldest[n].Seconds(), label, waited)
		}
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

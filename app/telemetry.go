package app

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"

	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/telemetry"
	"github.com/penstock/penstock/worker"
	"github.com/penstock/penstock/worker/schedule"
)

// openTelemetry starts metrics and tracing, and listens on the address of the metrics.
func (p *Program) openTelemetry(ctx context.Context) (err error) {
	if cfg := p.settings.Traces; cfg.Endpoint != "" {
		cfg.Log, cfg.Version = p.log, BuildVersion()
		host, _ := os.Hostname()
		cfg.Instance = fmt.Sprintf("%s-%d", host, os.Getpid())
		if p.tracing, err = telemetry.NewTracing(cfg); err != nil {
			return err
		}
		p.onClose(p.tracing.Close)
	}
	if p.settings.MetricsListen == "" {
		return nil
	}
	p.metrics = telemetry.NewMetrics(BuildVersion())
	if p.role.API {
		p.metrics.Role("api")
	}
	if p.role.Worker {
		p.metrics.Role("worker")
	}
	p.metrics.Memory(p.memory)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", p.settings.MetricsListen)
	if err != nil {
		return fmt.Errorf("listen on %s for metrics: %w; choose another address with --metrics-listen", p.settings.MetricsListen, err)
	}
	server, err := telemetry.NewServer(telemetry.ServerConfig{Listener: listener, Metrics: p.metrics, Log: p.log, Ready: p.ready, Pprof: p.settings.Pprof})
	if err != nil {
		return err
	}
	p.onClose(server.Close)
	p.metricsURL = "http://" + reachable(listener.Addr().(*net.TCPAddr)) + "/metrics"
	p.log.Info("metrics", "url", p.metricsURL)
	p.add("metrics", server.Run)
	return nil
}

// withMetrics returns a connection whose commands are measured.
func (p *Program) withMetrics(conn *redisconn.Conn) *redisconn.Conn {
	if p.metrics == nil {
		return conn
	}
	return conn.With(p.metrics.Redis())
}

// exportQueueMetrics exports the metrics of the queues.
func (p *Program) exportQueueMetrics() {
	if p.metrics == nil {
		return
	}
	p.metrics.Queues(p.client, p.pausedFlows, p.log)
	if p.role.API {
		p.metrics.Waiters(p.client.Waiting)
	}
}

// pausedFlows returns the paused flows.
func (p *Program) pausedFlows() (paused []int64) {
	for _, head := range p.store.Flows().List() {
		if !head.Paused.IsZero() {
			paused = append(paused, head.Number)
		}
	}
	return paused
}

// exportStoreMetrics exports the metrics of the store.
func (p *Program) exportStoreMetrics() {
	if p.metrics != nil {
		p.metrics.Store(p.store)
	}
}

// middleware returns what wraps the front door's handler; nil when metrics and tracing are off.
func (p *Program) middleware() func(http.Handler) http.Handler {
	if p.metrics == nil && p.tracing == nil {
		return nil
	}
	return func(handler http.Handler) http.Handler {
		if p.metrics != nil {
			handler = p.metrics.Middleware(handler)
		}
		if p.tracing != nil {
			handler = p.tracing.Middleware(handler)
		}
		return handler
	}
}

// observeWorker makes the worker report its attempts and requests to metrics and tracing.
func (p *Program) observeWorker(cfg *worker.Config) {
	cfg.Version = BuildVersion()
	if p.tracing != nil { // before the metrics, whose exemplars contain the trace id
		cfg.Observers = append(cfg.Observers, observer{p.tracing.Begin})
		cfg.Env.HTTP = p.tracing.Transport(cfg.Env.HTTP)
	}
	if p.metrics != nil {
		cfg.Meter = p.metrics
		cfg.Parked = p.metrics.Parked
		cfg.Observers = append(cfg.Observers, observer{p.metrics.Begin})
	}
}

// observer implements worker.Observer with a method of package telemetry, which does not import the worker.
type observer struct {
	begin func(context.Context, *queue.Attempt) (context.Context, telemetry.Observation)
}

// Begin implements worker.Observer.
func (o observer) Begin(ctx context.Context, a *queue.Attempt) (context.Context, worker.Observation) {
	return o.begin(ctx, a)
}

// exportSlots exports the number of slots of the worker.
func (p *Program) exportSlots(w *worker.Worker) {
	if p.metrics == nil {
		return
	}
	for queue, n := range w.Slots() {
		p.metrics.Slots(queue, n)
	}
}

// scheduleMeter returns the meter of schedules; nil when metrics are off.
func (p *Program) scheduleMeter() schedule.Meter {
	if p.metrics == nil {
		return nil // not an interface with a nil pointer
	}
	return p.metrics
}

// addTrace adds the trace of a request to its submission.
func (p *Program) addTrace(ctx context.Context, s *queue.Submission) {
	if p.tracing == nil || s.Trace["traceparent"] != "" {
		return
	}
	trace := p.tracing.Carrier(ctx)
	if trace == nil {
		return
	}
	maps.Copy(trace, s.Trace)
	s.Trace = trace
}

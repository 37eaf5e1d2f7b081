package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/telemetry"
	"github.com/penstock/penstock/worker"
	"github.com/penstock/penstock/worker/schedule"
)

// openTelemetry makes what measures and traces the other parts, and takes the
// address of the metrics.
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
	if p.role.Door {
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

// measured is a connection whose commands are measured.
func (p *Program) measured(conn *redisconn.Conn) *redisconn.Conn {
	if p.metrics == nil {
		return conn
	}
	return conn.With(p.metrics.Redis())
}

// watchQueue shows what the queue's client knows.
func (p *Program) watchQueue() {
	if p.metrics == nil {
		return
	}
	p.metrics.Queues(p.client, p.pausedFlows, p.log)
	if p.role.Door {
		p.metrics.Waiters(p.client.Waiting)
	}
}

// pausedFlows are the flows that are paused now.
func (p *Program) pausedFlows() (paused []int64) {
	for _, head := range p.store.Flows().List() {
		if !head.Paused.IsZero() {
			paused = append(paused, head.Number)
		}
	}
	return paused
}

// watchStore shows what is wrong with the store.
func (p *Program) watchStore() {
	if p.metrics != nil {
		p.metrics.Store(p.store)
	}
}

// wrapDoor goes around the front door; nil: nothing does.
func (p *Program) wrapDoor() func(http.Handler) http.Handler {
	if p.metrics == nil && p.tracing == nil {
		return nil
	}
	return func(door http.Handler) http.Handler {
		if p.metrics != nil {
			door = p.metrics.Door(door)
		}
		if p.tracing != nil {
			door = p.tracing.Door(door)
		}
		return door
	}
}

// observeWorker makes the worker's attempts and calls be measured and traced.
func (p *Program) observeWorker(cfg *worker.Config) {
	cfg.Version = BuildVersion()
	if p.tracing != nil { // before the metrics, whose exemplars name the trace
		cfg.Observers = append(cfg.Observers, observer{p.tracing.Begin})
		cfg.Env.HTTP = p.tracing.Transport(cfg.Env.HTTP)
	}
	if p.metrics != nil {
		cfg.Meter = p.metrics
		cfg.Parked = p.metrics.Parked
		cfg.Observers = append(cfg.Observers, observer{p.metrics.Begin})
	}
}

// observer is a worker.Observer: telemetry knows the queue, and not the worker.
type observer struct {
	begin func(context.Context, *queue.Attempt) (context.Context, telemetry.Observation)
}

// Begin implements worker.Observer.
func (o observer) Begin(ctx context.Context, a *queue.Attempt) (context.Context, worker.Observation) {
	return o.begin(ctx, a)
}

// showSlots shows how many runs the worker may execute at once.
func (p *Program) showSlots(w *worker.Worker) {
	if p.metrics == nil {
		return
	}
	for queue, n := range w.Slots() {
		p.metrics.Slots(queue, n)
	}
}

// scheduleMeter counts the times of schedules; nil: nobody does.
func (p *Program) scheduleMeter() schedule.Meter {
	if p.metrics == nil {
		return nil // no interface around a nil pointer
	}
	return p.metrics
}

// traced puts the trace of a request into what it submits.
func (p *Program) traced(ctx context.Context, s *queue.Submission) {
	if p.tracing != nil && s.Trace == nil {
		s.Trace = p.tracing.Carrier(ctx)
	}
}

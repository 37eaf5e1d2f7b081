package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// ServerConfig configures a Server. Listener, Metrics and Log are required.
type ServerConfig struct {
	Listener net.Listener
	Metrics  *Metrics
	Log      *slog.Logger

	// Pprof serves Go's profiles at /debug/pprof/. They show the program's memory and cost time.
	Pprof bool

	// Ready returns an error while the process cannot work; nil: it always can.
	Ready func(ctx context.Context) error
}

// Server serves operators, separately from the front door and without authentication: /metrics for Prometheus,
// /healthz and /readyz for supervisors.
type Server struct {
	config ServerConfig
	http   *http.Server
}

// readyLimit is the maximum duration of one readiness check. It is below the timeouts of usual probes (1 s and more).
const readyLimit = 900 * time.Millisecond

// NewServer returns a Server. Close releases the listener when Run is not called.
func NewServer(config ServerConfig) (*Server, error) {
	if config.Listener == nil || config.Metrics == nil || config.Log == nil {
		return nil, errors.New("new metrics server: Listener, Metrics and Log are required")
	}
	s := &Server{config: config}
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", config.Metrics.Handler())
	routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	routes.HandleFunc("GET /readyz", s.ready)
	write := 30 * time.Second
	if config.Pprof {
		write = 2 * time.Minute // a profile takes 30 s unless more is requested
		profiles(routes)
	}
	s.http = &http.Server{
		Handler: routes, ReadTimeout: 10 * time.Second, WriteTimeout: write, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(config.Log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// profiles serves the profiles of runtime/pprof. Index serves the named ones, such as heap and goroutine.
func profiles(routes *http.ServeMux) {
	routes.HandleFunc("GET /debug/pprof/", pprof.Index)
	routes.HandleFunc("GET /debug/pprof/cmdline", http.NotFound) // a command line may contain a password
	routes.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	routes.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	routes.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyLimit)
	defer cancel()
	if s.config.Ready != nil {
		if err := s.config.Ready(ctx); err != nil {
			s.config.Log.Warn("not ready", "error", err)
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// Run serves until ctx ends. A running scrape is completed.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1) // buffered, because Serve may end when nobody receives
	go func() { served <- s.http.Serve(s.config.Listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve metrics: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.http.Shutdown(last)
	<-served
	return err
}

// Close stops at once. It may be called before, during and after Run.
func (s *Server) Close() error {
	err := s.http.Close()
	if closed := s.config.Listener.Close(); closed != nil && !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ServerConfig of a Server. All but Ready are required.
type ServerConfig struct {
	Listener net.Listener
	Metrics  *Metrics
	Log      *slog.Logger

	// Ready says whether the process can work; nil: always.
	Ready func(ctx context.Context) error
}

// Server answers operators, apart from the front door: nothing here asks who
// calls. /metrics is for Prometheus, /healthz and /readyz for supervisors.
type Server struct {
	config ServerConfig
	http   *http.Server
}

// readyLimit bounds one look at what the process depends on, below the
// timeouts of usual probes (1 s and more).
const readyLimit = 900 * time.Millisecond

// NewServer makes a Server. Close releases the listener when Run is not called.
func NewServer(config ServerConfig) (*Server, error) {
	if config.Listener == nil || config.Metrics == nil || config.Log == nil {
		return nil, errors.New("new metrics server: Listener, Metrics and Log are required")
	}
	s := &Server{config: config}
	routes := http.NewServeMux()
	routes.Handle("GET /metrics", config.Metrics.Handler())
	routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	routes.HandleFunc("GET /readyz", s.ready)
	s.http = &http.Server{
		Handler: routes, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(config.Log.Handler(), slog.LevelWarn),
	}
	return s, nil
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

// Run serves until ctx ends. A scrape that is under way is finished.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1) // Serve ends when we no longer look
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

// Close stops at once. It is safe before, during and after Run.
func (s *Server) Close() error {
	err := s.http.Close()
	if closed := s.config.Listener.Close(); closed != nil && !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

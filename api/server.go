package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/penstock/penstock/api/fault"
	"github.com/penstock/penstock/internal/framing"
)

// ServerConfig configures a Server. Listener, API and Log are required.
type ServerConfig struct {
	Listener net.Listener
	API      *API
	Log      *slog.Logger

	// Wrap returns a handler around the API, for example for traces; optional.
	Wrap func(http.Handler) http.Handler

	// Linger is how long new requests are served after /readyz has begun to fail, so that load balancers notice.
	// Zero means no time. It must exceed the period of the probe times its failure threshold.
	Linger time.Duration

	// Patience is how long, after Linger, callers may wait for their results; then they get the id of the run
	// instead. Zero means 20 s. Linger + Patience + 5 s must be less than the time until the process is killed
	// (Kubernetes: 30 s).
	Patience time.Duration
}

// The limits of one connection. A request that waits for a run moves the read and write deadlines of its
// connection; see httpx.KeepOpen.
const (
	headerTimeout  = 10 * time.Second // for the request's header
	requestTimeout = 30 * time.Second // for header and body
	writeTimeout   = 45 * time.Second // from the header to the end of the response; above requestTimeout
	idleTimeout    = 2 * time.Minute  // between requests; above the 60 s for which load balancers usually keep connections
	maxHeader      = 32 << 10         // bytes, the URL included
	handOverGrace  = 5 * time.Second  // for the last responses, after the end of Patience
)

// Server serves an API on one listener, and stops without dropping requests.
type Server struct {
	config   ServerConfig
	http     *http.Server
	handOver context.CancelCauseFunc
}

// NewServer returns a Server. If Run is not called, Close releases the listener.
func NewServer(config ServerConfig) (*Server, error) {
	if config.Listener == nil || config.API == nil || config.Log == nil {
		return nil, errors.New("new server: Listener, API and Log are required")
	}
	if config.Linger < 0 || config.Patience < 0 {
		return nil, errors.New("new server: Linger or Patience is negative")
	}
	if config.Patience == 0 {
		config.Patience = 20 * time.Second
	}
	var handler http.Handler = config.API
	if config.Wrap != nil {
		handler = config.Wrap(handler)
	}
	handler = framing.Handler(handler)
	requests, handOver := context.WithCancelCause(context.Background())
	return &Server{
		config:   config,
		handOver: handOver,
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       requestTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			ErrorLog:          slog.NewLogLogger(config.Log.Handler(), slog.LevelWarn),
			BaseContext:       func(net.Listener) context.Context { return requests },
			ConnContext:       framing.Context,

			DisableGeneralOptionsHandler: true, // every request is counted by framing.Handler
		},
	}, nil
}

// Run serves until ctx ends and then drains: readiness fails, new requests are served for Linger, and callers wait
// up to Patience for their results before they get the id of their run.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1) // buffered, because Run may return first
	go func() { served <- s.http.Serve(framing.Listener{Listener: s.config.Listener}) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	err := s.drain()
	if serveErr := <-served; err == nil && !errors.Is(serveErr, http.ErrServerClosed) {
		err = fmt.Errorf("serve: %w", serveErr)
	}
	return err
}

func (s *Server) drain() error {
	s.config.API.Drain()
	s.config.Log.Info("draining", slog.Duration("linger", s.config.Linger), slog.Duration("patience", s.config.Patience))
	linger := time.NewTimer(s.config.Linger)
	defer linger.Stop()
	<-linger.C
	handOver := time.AfterFunc(s.config.Patience, func() { s.handOver(fault.ErrHandOver) })
	defer handOver.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Patience+handOverGrace)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("shut down: %w", err), s.http.Close())
	}
	return nil
}

// Close stops at once and closes all connections. It may be called before, during and after Run, and more than
// once.
func (s *Server) Close() error {
	s.handOver(fault.ErrHandOver)
	return errors.Join(s.http.Close(), closeListener(s.config.Listener))
}

func closeListener(l net.Listener) error {
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close listener: %w", err)
	}
	return nil
}

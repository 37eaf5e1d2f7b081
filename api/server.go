package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/internal/framing"
)

// ServerConfig is what a Server needs. Listener, API and Log are required.
type ServerConfig struct {
	Listener net.Listener
	API      *API
	Log      *slog.Logger

	// Wrap goes around the API, as tracing does; nil: nothing.
	Wrap func(http.Handler) http.Handler

	// Linger is how long new requests are served after /readyz has begun to
	// fail, for balancers to notice. Default zero. It must exceed the probe's
	// period times its failure threshold.
	Linger time.Duration

	// Patience is how long, after Linger, waiters may go on waiting for their
	// results before they get the run's id instead. Default 20 s; Linger +
	// Patience + 5 s must stay below the grace of whoever stops the process
	// (Kubernetes: 30 s).
	Patience time.Duration
}

// The limits of one connection. Waiting for a run moves the read and write
// deadlines of its own connection, see httpx.KeepOpen.
const (
	headerTimeout  = 10 * time.Second // for the request's header
	requestTimeout = 30 * time.Second // for header and body
	writeTimeout   = 45 * time.Second // from the header to the answer's end; above requestTimeout
	idleTimeout    = 2 * time.Minute  // between requests; above the 60 s that balancers usually keep connections
	maxHeader      = 32 << 10         // bytes, the URL included
	handOverGrace  = 5 * time.Second  // for the last answers, once waiters were told to stop waiting
)

// Server serves an API on one listener and stops without dropping anybody.
type Server struct {
	config   ServerConfig
	http     *http.Server
	handOver context.CancelCauseFunc
}

// NewServer makes a Server. Close releases the listener when Run is not called.
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

// Run serves until ctx ends, then drains: readiness fails, new requests are
// still served for Linger, waiters have Patience for their results and get
// their run's id after that.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1) // Serve ends when we no longer look
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
	handOver := time.AfterFunc(s.config.Patience, func() { s.handOver(httpx.ErrHandOver) })
	defer handOver.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.Patience+handOverGrace)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("shut down: %w", err), s.http.Close())
	}
	return nil
}

// Close stops at once and cuts connections. It is safe before, during and
// after Run, and more than once.
func (s *Server) Close() error {
	s.handOver(httpx.ErrHandOver)
	return errors.Join(s.http.Close(), closeListener(s.config.Listener))
}

func closeListener(l net.Listener) error {
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close listener: %w", err)
	}
	return nil
}

// Package outbound makes the HTTP transport that steps reach the world
// through: pooled, bounded, and closed to private networks unless allowed.
package outbound

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Config says what steps may reach, and bounds each connection. Zero values
// take the defaults named here.
type Config struct {
	// AllowPrivate opens loopback, RFC 1918, shared (100.64/10) and unique
	// local IPv6 addresses. Link-local ones stay refused: cloud metadata
	// services hand out the machine's own credentials there.
	AllowPrivate bool
	// AllowLoopback opens 127.0.0.0/8 and ::1 only: for development.
	AllowLoopback bool

	// DialTimeout bounds name resolution and connecting, and again the TLS
	// handshake. Default 5 s; it should stay below the timeouts that flows
	// give their steps, or a dead host uses up a whole attempt.
	DialTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept. Default 90 s.
	IdleTimeout time.Duration
	// IdlePerHost is how many unused connections are kept to one host.
	// Default 64; below the steps that call one host at once, connections
	// are made anew again and again.
	IdlePerHost int
	// MaxHeaderBytes bounds the response headers. Default 64 KiB.
	MaxHeaderBytes int64

	Resolver *net.Resolver  // nil: the system's
	RootCAs  *x509.CertPool // nil: the system's
}

// New returns a transport for the life of the process, to be shared by all
// steps so that connections are reused. It honours no proxy setting of the
// environment: a proxy would resolve names out of the guard's sight.
//
// The transport sets no limit on the wait for an answer: the deadline of the
// request's context, which is that of the step or the run, is the only one.
//
// Addresses are checked when connecting, after name resolution, so that no
// spelling of an address, no name that changes its answer and no redirect
// leads around the check. A refusal wraps fs.ErrPermission. Clones of the
// transport keep the guard.
func New(config Config) (*http.Transport, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            dial(config),
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: config.RootCAs},
		TLSHandshakeTimeout:    config.DialTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        config.IdleTimeout,
		MaxIdleConns:           16 * config.IdlePerHost,
		MaxIdleConnsPerHost:    config.IdlePerHost,
		MaxResponseHeaderBytes: config.MaxHeaderBytes,
	}, nil
}

// dial connects under the guard, and returns a refusal without the dialer's
// wrapping: it already names the address and says what to do.
func dial(config Config) func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{
		Timeout:  config.DialTimeout,
		Resolver: config.Resolver,
		Control:  newDialPolicy(config).control,
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		var refusal *BlockedError
		if errors.As(err, &refusal) {
			return nil, refusal
		}
		return conn, err
	}
}

func (c Config) validate() error {
	for name, negative := range map[string]bool{
		"DialTimeout":    c.DialTimeout < 0,
		"IdleTimeout":    c.IdleTimeout < 0,
		"IdlePerHost":    c.IdlePerHost < 0,
		"MaxHeaderBytes": c.MaxHeaderBytes < 0,
	} {
		if negative {
			return fmt.Errorf("outbound: %s is negative", name)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.DialTimeout = cmp.Or(c.DialTimeout, 5*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 90*time.Second)
	c.IdlePerHost = cmp.Or(c.IdlePerHost, 64)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, 64<<10)
	return c
}

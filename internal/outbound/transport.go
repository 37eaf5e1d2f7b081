// Package outbound provides the HTTP transport for the requests of steps: pooled, bounded, and without access to
// private networks unless allowed.
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

// Config says what steps may reach, and limits each connection. Zero values take the defaults named here.
type Config struct {
	// AllowPrivate allows loopback, RFC 1918, shared (100.64/10) and unique local IPv6 addresses. Link-local
	// addresses stay blocked, because cloud metadata services give out the machine's credentials there.
	AllowPrivate bool
	// AllowLoopback allows 127.0.0.0/8 and ::1 only: for development.
	AllowLoopback bool

	// DialTimeout limits name resolution with connecting, and separately the TLS handshake. Zero means 5 s. It should
	// be below the timeouts of steps, or a dead host uses up a whole attempt.
	DialTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept. Zero means 90 s.
	IdleTimeout time.Duration
	// IdlePerHost is the maximum number of unused connections to one host. Zero means 64. Below the number of
	// concurrent steps that call one host, connections are opened again and again.
	IdlePerHost int
	// MaxHeaderBytes limits the response headers. Zero means 64 KiB.
	MaxHeaderBytes int64

	Resolver *net.Resolver  // nil: the system's
	RootCAs  *x509.CertPool // nil: the system's
}

// New returns a transport for the lifetime of the process. All steps share it, so that connections are reused. It
// ignores the proxy settings of the environment, because a proxy would resolve names without the dial policy.
//
// The transport has no limit for the wait for a response: the deadline of the request's context, that of the step or
// the run, is the only one.
//
// Addresses are checked when connecting, after name resolution, so that no spelling of an address, no changing name
// and no redirect evades the check. The error of a blocked address wraps fs.ErrPermission. Clones of the transport
// keep the policy.
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

// dial connects under the dial policy. It returns a BlockedError without the dialer's wrapping, because it names the
// address and says what to do.
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

package redisconn

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	loadingPoll = 200 * time.Millisecond // between two PINGs while Redis loads its data
	greetWait   = time.Second            // for the line that a rejecting server sends first
	greetBytes  = 2048
)

// Check returns nil when Redis answers and the user has the rights that the program needs, otherwise the reason: see
// Ping.
func (c *Conn) Check(ctx context.Context) error {
	if err := c.Ping(ctx); err != nil {
		return err
	}
	client := c.Client()
	defer client.Close()
	return withAdvice(checkRights(ctx, client))
}

// Ping returns nil when Redis answers, otherwise the reason in the server's words, with advice. While Redis loads its
// data it waits, until ctx ends. The error contains neither user nor password.
func (c *Conn) Ping(ctx context.Context) error {
	client := c.Client()
	defer client.Close()
	for {
		err := client.Ping(ctx).Err()
		if err == nil {
			return nil
		}
		if !strings.HasPrefix(err.Error(), "LOADING") {
			return c.serverReason(ctx, err)
		}
		select {
		case <-ctx.Done():
			return withAdvice(err)
		case <-time.After(loadingPoll):
		}
	}
}

// checkRights tries the operations that an ACL may forbid: a script on the keys of each prefix, and a message. It
// changes nothing.
func checkRights(ctx context.Context, client redis.UniversalClient) error {
	for _, key := range []string{"penstock:rights", "asynq:rights"} {
		if err := client.Eval(ctx, "return redis.call('EXISTS', KEYS[1])", []string{key}).Err(); err != nil {
			return err
		}
	}
	return client.Publish(ctx, "penstock:rights", "").Err()
}

// serverReason looks for the reason in the server's words. A server in protected mode, or with too many connections,
// sends an error and closes the connection; go-redis sends first, sees a broken pipe and never reads the error.
func (c *Conn) serverReason(ctx context.Context, err error) error {
	var said redis.Error
	if errors.As(err, &said) {
		return withAdvice(err)
	}
	addrs, secure := c.addresses()
	for _, addr := range addrs {
		if line := greeting(ctx, addr, secure); line != "" {
			return withAdvice(errors.New(line))
		}
	}
	if secure != nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer to TLS, which the Redis URL asks for; without it the URL begins with redis://: %w", err)
	}
	return err
}

func (c *Conn) addresses() ([]string, *tls.Config) {
	switch {
	case c.cluster != nil:
		return c.cluster.Addrs, c.cluster.TLSConfig
	case c.sentinel != nil:
		return c.sentinel.SentinelAddrs, c.sentinel.TLSConfig
	}
	return []string{c.single.Addr}, c.single.TLSConfig
}

// greeting returns the error that a server sends to a new connection before any request; "" when it sends none, as an
// accepting server does.
func greeting(ctx context.Context, addr string, secure *tls.Config) string {
	ctx, cancel := context.WithTimeout(ctx, greetWait)
	defer cancel()
	dial := (&net.Dialer{}).DialContext
	if secure != nil {
		dial = (&tls.Dialer{Config: secure}).DialContext
	}
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return ""
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetReadDeadline(deadline)
	line, _ := bufio.NewReader(io.LimitReader(conn, greetBytes)).ReadString('\n')
	text, refused := strings.CutPrefix(strings.TrimSpace(line), "-")
	if !refused {
		return ""
	}
	return text
}

// advice lists what to do about an error, by the prefix of its text.
var advice = []struct{ prefix, what string }{
	{"DENIED", "set a password in Redis (requirepass) and in the URL, or start it with --protected-mode no where only trusted machines reach it"},
	{"NOAUTH", "the Redis URL names no password: redis://:password@host:6379/0"},
	{"WRONGPASS", "check user and password of the Redis URL; special characters in them are percent-encoded"},
	{"NOPERM", "the user needs the rights ~penstock:* ~asynq:* &* +@all (ACL SETUSER)"},
	{"ERR max number of clients", "raise maxclients in Redis, or find who holds its connections with CLIENT LIST"},
	{"LOADING", "it reads its file and answers when that is done"},
}

// withAdvice adds advice to an error of the server. Of a long error it keeps only the first sentence.
func withAdvice(err error) error {
	if err == nil {
		return nil
	}
	for _, a := range advice {
		if text := err.Error(); strings.HasPrefix(text, a.prefix) {
			first, _, _ := strings.Cut(text, ". ")
			return &advisedError{fmt.Sprintf("Redis says %q: %s", strings.TrimSuffix(first, "."), a.what), err}
		}
	}
	return err
}

// advisedError is an error of the server with advice.
type advisedError struct {
	text  string
	cause error
}

func (e *advisedError) Error() string { return e.text }
func (e *advisedError) Unwrap() error { return e.cause }

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
	loadingPoll = 200 * time.Millisecond // between two PINGs while Redis reads its file
	greetWait   = time.Second            // for the line that a refusing server sends first
	greetBytes  = 2048
)

// Check returns nil when Redis answers and the user may do what the program
// does, and otherwise why not: see Ping.
func (c *Conn) Check(ctx context.Context) error {
	if err := c.Ping(ctx); err != nil {
		return err
	}
	client := c.Client()
	defer client.Close()
	return withAdvice(checkRights(ctx, client))
}

// Ping returns nil when Redis answers, and otherwise why it does not, in the
// server's own words and with what to do. While Redis loads its data it waits,
// up to ctx's deadline. The error holds neither user nor password.
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

// checkRights tries what an ACL may forbid: a script on the keys of each prefix, and
// a message. It changes nothing.
func checkRights(ctx context.Context, client redis.UniversalClient) error {
	for _, key := range []string{"penstock:rights", "asynq:rights"} {
		if err := client.Eval(ctx, "return redis.call('EXISTS', KEYS[1])", []string{key}).Err(); err != nil {
			return err
		}
	}
	return client.Publish(ctx, "penstock:rights", "").Err()
}

// serverReason looks for the server's own words. A server in protected mode, or one
// with too many connections, sends an error and closes: go-redis, which speaks
// first, sees a broken pipe and never reads it.
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

// greeting returns the error that a server sends to a new connection before it
// is asked anything; "" when it sends none, as servers do that accept.
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

// advice says what to do about an error, by how it begins.
var advice = []struct{ prefix, what string }{
	{"DENIED", "set a password in Redis (requirepass) and in the URL, or start it with --protected-mode no where only trusted machines reach it"},
	{"NOAUTH", "the Redis URL names no password: redis://:password@host:6379/0"},
	{"WRONGPASS", "check user and password of the Redis URL; special characters in them are percent-encoded"},
	{"NOPERM", "the user needs the rights ~penstock:* ~asynq:* &* +@all (ACL SETUSER)"},
	{"ERR max number of clients", "raise maxclients in Redis, or find who holds its connections with CLIENT LIST"},
	{"LOADING", "it reads its file and answers when that is done"},
}

// withAdvice adds to an error of the server what to do about it. Of a long
// error only the first sentence is kept.
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

// advisedError is an error of the server with what to do about it.
type advisedError struct {
	text  string
	cause error
}

func (e *advisedError) Error() string { return e.text }
func (e *advisedError) Unwrap() error { return e.cause }

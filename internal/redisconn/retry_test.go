package redisconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// refusal is an error reply of Redis.
type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RedisError()     {}

// errDomain is made of a reply by the call itself.
var errDomain = errors.New("queue: the step has a result already")

func TestRetryUntilDone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers []error
		calls   int
		want    error
	}{
		"at once":               {[]error{nil}, 1, nil},
		"after lost replies":    {[]error{io.EOF, io.EOF, refusal("LOADING soon"), refusal("OOM command not allowed"), nil}, 5, nil},
		"outages of the client": {[]error{redis.ErrPoolTimeout, errors.New("redis: cluster has no nodes"), context.DeadlineExceeded, fmt.Errorf("read: %w", &net.OpError{Err: io.EOF}), nil}, 5, nil},
		"a domain's error":      {[]error{errDomain, nil}, 1, errDomain},
		"a closed client":       {[]error{fmt.Errorf("read: %w", redis.ErrClosed), nil}, 1, redis.ErrClosed},
		"nothing is an answer":  {[]error{redis.Nil, nil}, 1, redis.Nil},
		"a refusal is one":      {[]error{refusal("ERR value is not an integer"), nil}, 1, refusal("ERR value is not an integer")},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			err := RetryUntilDone(t.Context(), func() error { calls++; return c.answers[calls-1] })
			if !errors.Is(err, c.want) || calls != c.calls {
				t.Errorf("%s: %d calls, %v", name, calls, err)
			}
		})
	}
	for err, want := range map[error]bool{io.EOF: true, &net.OpError{Err: io.EOF}: true, refusal("LOADING x"): true, refusal("ERR x"): false, redis.Nil: false, errors.New("other"): false,
		errors.New("redis: can't parse \"x\""): true, redis.ErrClosed: false} {
		if Temporary(err) != want {
			t.Errorf("%v: away is %v", err, !want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		began := time.Now()
		if err := RetryUntilDone(ctx, func() error { return io.EOF }); !errors.Is(err, io.EOF) || time.Since(began) != 6*time.Second {
			t.Errorf("gave up after %v: %v", time.Since(began), err)
		}
	})
}

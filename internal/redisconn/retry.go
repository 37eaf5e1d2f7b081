package redisconn

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/sleep"
)

const (
	minPause = 20 * time.Millisecond
	maxPause = time.Second
)

// RetryUntilDone repeats a call while its error is Temporary, or Redis has no room for a write, until ctx ends, and returns
// the last error, so that a short outage of Redis does not fail running work. Every other error is an answer: a permanent
// one of Redis, and one that the call itself makes of a reply. The call must be repeatable, because its reply may have been
// lost.
func RetryUntilDone(ctx context.Context, call func() error) error {
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		err := call()
		if err == nil || ctx.Err() != nil || !Temporary(err) && !outOfSpace(err) {
			return err
		}
		if sleep.For(ctx, pause) != nil {
			return err
		}
	}
}

// outOfSpace reports whether Redis rejects writes for want of memory or disk. Running work then waits; new work is
// rejected.
func outOfSpace(err error) bool {
	return redis.HasErrorPrefix(err, "OOM") || redis.HasErrorPrefix(err, "MISCONF")
}

// clientOutages are parts of errors without a type: of go-redis, which cannot reach a node or has no connection at the
// moment, and of asynq, which keeps only the text of an error of its scripts.
var clientOutages = []string{
	"redis: ", // no node, no sentinel, no connection, a reply that cannot be read
	"cannot initialize connection",
	"failed to mark connection",
	"state transition timeout",
	"redis eval error: ",
}

// Temporary reports whether a call is worth repeating: its reply was lost and it may have been executed, or Redis
// will be able to execute it soon. It is false for nil and for errors of other origin.
func Temporary(err error) bool {
	if refused := redis.Error(nil); errors.As(err, &refused) {
		return slices.ContainsFunc([]string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"},
			func(prefix string) bool { return redis.HasErrorPrefix(err, prefix) })
	}
	if network := net.Error(nil); errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	if err == nil || errors.Is(err, redis.ErrClosed) {
		return false
	}
	return slices.ContainsFunc(clientOutages, func(part string) bool { return strings.Contains(err.Error(), part) })
}

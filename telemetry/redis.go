package telemetry

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// redisMetrics are the client-side metrics of Redis.
type redisMetrics struct {
	duration *prometheus.HistogramVec
	failures *prometheus.CounterVec
}

func newRedisMetrics(m *Metrics) redisMetrics {
	return redisMetrics{
		duration: m.histogram("penstock_redis_command_duration_seconds",
			"Duration of non-blocking commands, by name; commands sent together count as pipeline.", redisBounds, "command"),
		failures: m.counter("penstock_redis_errors_total",
			"Failed commands and connections, by reason: timeout, connection, refused (an error reply) or memory (Redis is full).", "reason"),
	}
}

// Redis returns a hook that measures the commands of a client.
func (m *Metrics) Redis() redis.Hook { return redisHook{m} }

type redisHook struct{ m *Metrics }

// DialHook implements redis.Hook.
func (h redisHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		h.failed(ctx, err)
		return conn, err
	}
}

// ProcessHook implements redis.Hook.
func (h redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		begun := time.Now()
		err := next(ctx, cmd)
		h.m.redis.duration.WithLabelValues(cmd.Name()).Observe(time.Since(begun).Seconds())
		if !isHandshake(cmd) {
			h.failed(ctx, err)
		}
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (h redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		begun := time.Now()
		err := next(ctx, cmds)
		h.m.redis.duration.WithLabelValues("pipeline").Observe(time.Since(begun).Seconds())
		if !isHandshake(cmds[0]) {
			h.failed(ctx, err)
		}
		return err
	}
}

// isHandshake reports whether a client sends the command at the start of a connection: older servers reject some of these,
// which does not matter.
func isHandshake(cmd redis.Cmder) bool { return cmd.Name() == "hello" || cmd.Name() == "client" }

// failed counts errors of Redis or the network. An absent key, a script not yet loaded, and a cancelled caller are
// not errors.
func (h redisHook) failed(ctx context.Context, err error) {
	if err == nil || errors.Is(err, redis.Nil) || errors.Is(ctx.Err(), context.Canceled) || redis.HasErrorPrefix(err, "NOSCRIPT") {
		return
	}
	h.m.redis.failures.WithLabelValues(reason(err)).Inc()
}

func reason(err error) string {
	var reply redis.Error
	var network net.Error
	switch {
	case redis.HasErrorPrefix(err, "OOM"):
		return "memory"
	case errors.As(err, &reply):
		return "refused"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	return "connection"
}

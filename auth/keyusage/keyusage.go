// Package keyusage counts the use of both secrets of an API key during a rotation, so that people know when the old
// one is no longer used.
package keyusage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/tally"
	"github.com/penstock/penstock/store"
)

// retention is how long counts are kept after the end of the old secret.
const retention = 24 * time.Hour

// keyUse is a hash with the counts of one rotation: current and previous (calls), and last (unix milliseconds of the
// last call with the previous secret). TTL: until retention after the end of the previous secret.
func keyUse(k *store.Key) string {
	sum := sha256.Sum256([]byte(k.Key + "\x00" + strconv.FormatInt(k.PreviousUntil.UnixMilli(), 10)))
	return "penstock:secret_use:" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// Use is the number of uses of each secret since the rotation.
type Use struct {
	Current, Previous int64
	LastPrevious      time.Time // zero: never
}

// Config configures a Counter. Both fields are required.
type Config struct {
	Redis redis.UniversalClient
	Log   *slog.Logger
}

// Counter counts uses of secrets. Safe for concurrent use.
type Counter struct {
	config  Config
	counted *tally.Tally[count] // by keyUse
}

type count struct {
	Use
	until time.Time
}

// New returns a Counter. It writes only while Run runs.
func New(config Config) (*Counter, error) {
	if config.Redis == nil || config.Log == nil {
		return nil, errors.New("new counter of key usage: Redis and Log are required")
	}
	counter := &Counter{config: config}
	counter.counted = tally.New(counter.write)
	return counter, nil
}

// Count counts a call of a key with two secrets. It never waits for Redis.
func (counter *Counter) Count(k *store.Key, previous bool) {
	counter.counted.Add(keyUse(k), func(c *count) {
		c.until = k.PreviousUntil
		if previous {
			c.Previous, c.LastPrevious = c.Previous+1, time.Now()
		} else {
			c.Current++
		}
	})
}

// Run writes the counts until ctx ends, and then once more.
func (counter *Counter) Run(ctx context.Context) error { return counter.counted.Run(ctx) }

// write adds the counts in Redis. Counts that cannot be written are lost; they are only a hint.
func (counter *Counter) write(ctx context.Context, counts map[string]*count) {
	_, err := counter.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for id, c := range counts {
			p.HIncrBy(ctx, id, "current", c.Current)
			p.HIncrBy(ctx, id, "previous", c.Previous)
			if !c.LastPrevious.IsZero() {
				p.HSet(ctx, id, "last", c.LastPrevious.UnixMilli())
			}
			p.ExpireAt(ctx, id, c.until.Add(retention))
		}
		return nil
	})
	if err != nil {
		counter.config.Log.Warn("the use of secrets is not counted", "error", err)
	}
}

// Use returns the counts since the key's last rotation.
func (counter *Counter) Use(ctx context.Context, k *store.Key) (Use, error) {
	f, err := counter.config.Redis.HGetAll(ctx, keyUse(k)).Result()
	if err != nil {
		return Use{}, fmt.Errorf("read use of secrets: %w", err)
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(f[name], 10, 64) // absent: none
		return n
	}
	u := Use{Current: number("current"), Previous: number("previous")}
	if last := number("last"); last > 0 {
		u.LastPrevious = time.UnixMilli(last).UTC()
	}
	return u, nil
}

// Package rotation counts the use of both secrets of an API key during a rotation, so that people know when the old
// one is no longer used.
package rotation

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/store"
)

const (
	// writeInterval is the pause between two writes: counts are visible that much later, and lost when the process is
	// killed.
	writeInterval = time.Second
	// retention is how long counts are kept after the end of the old secret.
	retention = 24 * time.Hour
	// writeLimit is the maximum duration of the last write, at the end of the process.
	writeLimit = 2 * time.Second
)

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

// Config configures a Meter. Both fields are required.
type Config struct {
	Redis redis.UniversalClient
	Log   *slog.Logger
}

// Meter counts uses of secrets. Safe for concurrent use.
type Meter struct {
	config Config

	mu      sync.Mutex
	counted map[string]*count // by keyUse, since the last write; guarded by mu
}

type count struct {
	Use
	until time.Time
}

// New returns a Meter. It writes only while Run runs.
func New(config Config) (*Meter, error) {
	if config.Redis == nil || config.Log == nil {
		return nil, errors.New("new meter of rotations: Redis and Log are required")
	}
	return &Meter{config: config, counted: map[string]*count{}}, nil
}

// Count counts a call of a key with two secrets. It never waits for Redis.
func (m *Meter) Count(k *store.Key, previous bool) {
	id := keyUse(k)
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counted[id]
	if c == nil {
		c = &count{until: k.PreviousUntil}
		m.counted[id] = c
	}
	if previous {
		c.Previous, c.LastPrevious = c.Previous+1, time.Now()
	} else {
		c.Current++
	}
}

// Run writes the counts until ctx ends, and then once more.
func (m *Meter) Run(ctx context.Context) error {
	tick := time.NewTicker(writeInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
			defer cancel()
			m.write(last)
			return nil
		case <-tick.C:
			m.write(ctx)
		}
	}
}

// write adds the counts in Redis. Counts that cannot be written are lost; they are only a hint.
func (m *Meter) write(ctx context.Context) {
	m.mu.Lock()
	counted := m.counted
	m.counted = map[string]*count{}
	m.mu.Unlock()
	if len(counted) == 0 {
		return
	}
	_, err := m.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for id, c := range counted {
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
		m.config.Log.Warn("the use of secrets is not counted", "error", err)
	}
}

// Use returns the counts since the key's last rotation.
func (m *Meter) Use(ctx context.Context, k *store.Key) (Use, error) {
	f, err := m.config.Redis.HGetAll(ctx, keyUse(k)).Result()
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

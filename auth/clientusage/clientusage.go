// Package clientusage counts the calls of API clients by day, for the people who keep them.
package clientusage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/tally"
)

// Days is how many days are counted, today (UTC) included.
const Days = 30

// keyUse is a hash with the counts of one client on one day: calls, refused, failed, and last (unix milliseconds of the
// last call). TTL: Days and one more.
func keyUse(client string, day time.Time) string {
	sum := sha256.Sum256([]byte(client))
	return "penstock:client_use:" + base64.RawURLEncoding.EncodeToString(sum[:]) + ":" + day.Format(time.DateOnly)
}

// Use are the calls of a client.
type Use struct {
	Calls   int64
	Refused int64     // of the calls: 4xx
	Failed  int64     // of the calls: 5xx
	Last    time.Time // zero: never
}

func (u *Use) add(other Use) {
	u.Calls, u.Refused, u.Failed = u.Calls+other.Calls, u.Refused+other.Refused, u.Failed+other.Failed
	if other.Last.After(u.Last) {
		u.Last = other.Last
	}
}

// Config configures a Counter. Redis and Log are required.
type Config struct {
	Redis redis.UniversalClient
	Log   *slog.Logger
	Now   func() time.Time // default time.Now
}

// Counter counts calls. Safe for concurrent use.
type Counter struct {
	config  Config
	counted *tally.Tally[Use] // by keyUse
}

// New returns a Counter. It writes only while Run runs.
func New(config Config) (*Counter, error) {
	if config.Redis == nil || config.Log == nil {
		return nil, errors.New("new counter of client usage: Redis and Log are required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	counter := &Counter{config: config}
	counter.counted = tally.New(counter.write)
	return counter, nil
}

// Count counts a call of a client and its status. It never waits for Redis.
func (counter *Counter) Count(client string, status int) {
	now := counter.config.Now().UTC()
	call := Use{Calls: 1, Last: now}
	switch {
	case status >= http.StatusInternalServerError:
		call.Failed = 1
	case status >= http.StatusBadRequest:
		call.Refused = 1
	}
	counter.counted.Add(keyUse(client, now), func(u *Use) { u.add(call) })
}

// Run writes the counts until ctx ends, and then once more.
func (counter *Counter) Run(ctx context.Context) error { return counter.counted.Run(ctx) }

// write adds the counts in Redis. Counts that cannot be written are lost; they are only a hint.
func (counter *Counter) write(ctx context.Context, counts map[string]*Use) {
	_, err := counter.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for id, u := range counts {
			p.HIncrBy(ctx, id, "calls", u.Calls)
			p.HIncrBy(ctx, id, "refused", u.Refused)
			p.HIncrBy(ctx, id, "failed", u.Failed)
			p.HSet(ctx, id, "last", u.Last.UnixMilli())
			p.Expire(ctx, id, (Days+1)*24*time.Hour)
		}
		return nil
	})
	if err != nil {
		counter.config.Log.Warn("the calls of clients are not counted", "error", err)
	}
}

// Use returns the calls of a client in the last Days, and those of today (UTC).
func (counter *Counter) Use(ctx context.Context, client string) (all, today Use, err error) {
	now := counter.config.Now().UTC()
	var days [Days]*redis.MapStringStringCmd
	_, err = counter.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range days {
			days[i] = p.HGetAll(ctx, keyUse(client, now.AddDate(0, 0, -i)))
		}
		return nil
	})
	if err != nil {
		return Use{}, Use{}, fmt.Errorf("read use of client: %w", err)
	}
	for i, day := range days {
		u := useOf(day.Val())
		if i == 0 {
			today = u
		}
		all.add(u)
	}
	return all, today, nil
}

func useOf(fields map[string]string) Use {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(fields[name], 10, 64) // absent: none
		return n
	}
	u := Use{Calls: number("calls"), Refused: number("refused"), Failed: number("failed")}
	if last := number("last"); last > 0 {
		u.Last = time.UnixMilli(last).UTC()
	}
	return u
}

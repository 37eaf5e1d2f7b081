// Package lastuse notes when credentials and connections were used last, for people who wonder whether one is still needed.
package lastuse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/tally"
)

// Kind is a kind of things.
type Kind string

// The kinds.
const (
	Key        Kind = "key"
	Client     Kind = "client"
	User       Kind = "user"
	Connection Kind = "connection"
	Secret     Kind = "secret"
)

const (
	// keptFor is how long a kind of things is kept of which none is used.
	keptFor = 400 * 24 * time.Hour
	// Exactness is by how much a use may be later than the one that is known.
	Exactness = time.Minute
)

// Config configures a Recorder. Redis and Log are required.
type Config struct {
	Redis redis.UniversalClient
	Log   *slog.Logger
	Now   func() time.Time // nil: time.Now
}

// Recorder notes uses. Safe for concurrent use; a nil Recorder notes nothing.
type Recorder struct {
	config Config
	noted  sync.Map // kind and name -> Unix seconds of the last use that was handed to uses
	uses   *tally.Tally[int64]
}

// New returns a Recorder. It writes only while Run runs.
func New(config Config) (*Recorder, error) {
	if config.Redis == nil || config.Log == nil {
		return nil, errors.New("new recorder of last uses: Redis and Log are required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	r := &Recorder{config: config}
	r.uses = tally.New(r.write)
	return r, nil
}

// Note notes that something is used now. It never waits for Redis, and does nothing if a use within Exactness is known. name is that
// of a thing that exists, so that there are not more than those.
func (r *Recorder) Note(kind Kind, name string) {
	if r == nil {
		return
	}
	id, now := string(kind)+"\x00"+name, r.config.Now().Unix()
	if last, ok := r.noted.Load(id); ok && now-last.(int64) < int64(Exactness/time.Second) {
		return
	}
	r.noted.Store(id, now)
	r.uses.Add(id, func(at *int64) { *at = max(*at, now) })
}

// Run writes the uses until ctx ends, and then once more.
func (r *Recorder) Run(ctx context.Context) error { return r.uses.Run(ctx) }

// write stores uses. Those that cannot be written are lost; they are only a hint.
func (r *Recorder) write(ctx context.Context, uses map[string]*int64) {
	kinds := map[Kind][]any{}
	for id, at := range uses {
		kind, name, _ := strings.Cut(id, "\x00")
		kinds[Kind(kind)] = append(kinds[Kind(kind)], name, *at)
	}
	_, err := r.config.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for kind, fields := range kinds {
			p.HSet(ctx, keyUses(kind), fields...)
			p.Expire(ctx, keyUses(kind), keptFor)
		}
		return nil
	})
	if err != nil {
		r.config.Log.Warn("the last uses are not noted", "error", err)
	}
}

// Of returns when things of a kind were used last, by their names. Those that are not known to be used are left out.
func (r *Recorder) Of(ctx context.Context, kind Kind, names []string) (map[string]time.Time, error) {
	if r == nil || len(names) == 0 {
		return nil, nil
	}
	values, err := r.config.Redis.HMGet(ctx, keyUses(kind), names...).Result()
	if err != nil {
		return nil, fmt.Errorf("read last uses: %w", err)
	}
	uses := map[string]time.Time{}
	for i, value := range values {
		text, _ := value.(string)
		if at, err := strconv.ParseInt(text, 10, 64); err == nil {
			uses[names[i]] = time.Unix(at, 0).UTC()
		}
	}
	return uses, nil
}

// Forget removes a thing that is deleted: a later one of the same name was not used.
func (r *Recorder) Forget(ctx context.Context, kind Kind, name string) error {
	if r == nil {
		return nil
	}
	r.noted.Delete(string(kind) + "\x00" + name)
	if err := r.config.Redis.HDel(ctx, keyUses(kind), name).Err(); err != nil {
		return fmt.Errorf("forget last use: %w", err)
	}
	return nil
}

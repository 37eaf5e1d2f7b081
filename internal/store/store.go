// Package store keeps everything durable that is not a run: the flows and
// their versions, and the API keys.
//
// Reads come from memory. Each change adds one to a revision in Redis and is
// announced; every process listens, and reads the revision twice a second
// besides, so that a change made anywhere is seen everywhere at once as a
// rule, and within a second at worst: an API key is not trusted for longer
// than that without a word from Redis. Flows go on being served.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"penstock/flows"
)

const (
	// trust is how long the memory counts as current after the revision was
	// last read. It must exceed recheck.
	trust = time.Second
	// recheck is how often the revision is read when nothing was announced.
	recheck = trust / 2
	// revisionLimit bounds the wait for the revision, and so how long a caller
	// of Key waits for a Redis that is away.
	revisionLimit = time.Second
	// loadLimit bounds one reading of everything, or of one version.
	loadLimit = 10 * time.Second
)

// ErrNotFound says that there is no such record.
var ErrNotFound = errors.New("not found")

// Config is what a Store needs. All of it is required.
type Config struct {
	Redis     redis.UniversalClient
	Sealer    *Sealer
	Catalogue *flows.Catalogue // the kinds of step that this binary knows
	Log       *slog.Logger
}

// Store is one process' hold on the store. Safe for concurrent use.
type Store struct {
	config   Config
	versions *versions

	view    atomic.Pointer[view]
	current atomic.Int64 // when the view was last known to be current, Unix nanoseconds
	flight  singleflight.Group
}

// Open reads the whole store.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.Redis == nil || config.Sealer == nil || config.Catalogue == nil || config.Log == nil {
		return nil, errors.New("open store: Redis, Sealer, Catalogue and Log are required")
	}
	s := &Store{config: config}
	s.versions = newVersions(s.compile)
	if err := s.refresh(ctx, time.Now()); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// Keys are the API keys.
func (s *Store) Keys() *Keys { return &Keys{s} }

// Flows are the deployed flows.
func (s *Store) Flows() *Flows { return &Flows{s} }

// Run follows the changes that other processes make, until ctx ends. Without
// it the store still works: Key reads the revision itself, Find gets old.
func (s *Store) Run(ctx context.Context) error {
	changes := s.config.Redis.Subscribe(ctx, channelChanges)
	defer changes.Close()
	tick := time.NewTicker(recheck)
	defer tick.Stop()
	announced := changes.Channel()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-announced:
		case <-tick.C:
		}
		err := s.refresh(ctx, time.Now())
		if ctx.Err() != nil {
			return nil
		}
		if failing != (err != nil) { // say it once, not twice a second
			failing = err != nil
			if failing {
				s.config.Log.Error("the store cannot be read", "error", err)
			} else {
				s.config.Log.Info("the store can be read again")
			}
		}
	}
}

// fresh returns a view that was current less than a second ago.
func (s *Store) fresh(ctx context.Context) (*view, error) {
	now := time.Now()
	if now.UnixNano()-s.current.Load() < int64(trust) {
		return s.view.Load(), nil
	}
	if err := s.refresh(ctx, now); err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	return s.view.Load(), nil
}

// refresh makes the view current as of since or later. Of many callers one
// asks Redis, the others wait for its answer, each as long as it likes.
func (s *Store) refresh(ctx context.Context, since time.Time) error {
	for s.current.Load() < since.UnixNano() { // a flight that took off before since does not count
		landed := s.flight.DoChan("", func() (any, error) { return nil, s.reload(context.WithoutCancel(ctx)) })
		select {
		case r := <-landed:
			if r.Err != nil {
				return r.Err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// reload reads the revision, and everything else if it changed.
func (s *Store) reload(ctx context.Context) error {
	asked := time.Now()
	rev, err := s.revision(ctx)
	if err != nil {
		return err
	}
	if old := s.view.Load(); old == nil || old.rev != rev {
		ctx, cancel := context.WithTimeout(ctx, loadLimit)
		defer cancel()
		next, err := s.load(ctx, old)
		if err != nil {
			return err
		}
		s.view.Store(next)
	}
	s.current.Store(asked.UnixNano())
	return nil
}

func (s *Store) revision(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, revisionLimit)
	defer cancel()
	rev, err := s.config.Redis.Get(ctx, keyRevision).Int64()
	if err != nil && !errors.Is(err, redis.Nil) { // nil: nothing was ever stored
		return 0, fmt.Errorf("read revision: %w", err)
	}
	return rev, nil
}

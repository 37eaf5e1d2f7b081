// Package store keeps everything durable that is not a run: the flows and
// their versions, users, clients, API keys, connections and secrets.
//
// Flows, users and clients are read from memory; API keys, connections and
// secrets when they are first asked for. Each change adds one to a revision in
// Redis, names the records that it changes in a log, and is announced. Every
// process listens, and reads the log twice a second besides: a change made
// anywhere is seen everywhere at once as a rule, and within a second at worst,
// and costs each process the records that changed. An API key is not trusted
// for longer than that without a word from Redis. Flows go on being served.
package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"github.com/penstock/penstock/flows"
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

// Config is what a Store needs. The first four are required.
type Config struct {
	Redis     redis.UniversalClient
	Sealer    *Sealer
	Catalogue *flows.Catalogue // the kinds of step that this binary knows
	Log       *slog.Logger

	// Process is what this process says of itself to the fleet; what the store
	// knows itself is filled in. Without a Role it says nothing.
	Process Process

	// Settle is how long all processes must agree on another master key before
	// it seals: longer than a process takes to start again. Zero: 30 s.
	Settle time.Duration

	// Restore makes exist again what the settings make exist, after the store
	// was found to have gone back to an earlier state. Until it returns nil the
	// process is not ready. It may be called again. Nil: there is nothing.
	Restore func(ctx context.Context) error

	// ReadOnly: the store is looked at only, and nothing is decided for it.
	ReadOnly bool
}

// Store is one process' hold on the store. Safe for concurrent use.
type Store struct {
	config      Config
	fingerprint string // of the catalogue: what was compiled with the same one compiles
	versions    *versions

	view    atomic.Pointer[view]
	current atomic.Int64 // when the view was last known to be current, Unix nanoseconds
	flight  singleflight.Group

	keys records[Key]

	absentKeys  records[struct{}] // names that were asked for and are no API keys
	connections *vault[Connection]
	secrets     *vault[Secret]
	unopened    unopened

	fleet     atomic.Pointer[[]Process] // the processes at the last beat; nil: none was
	agreement agreement                 // owned by upkeep
	told      string                    // owned by upkeep; why this process takes no work, as it was logged
	wake      chan struct{}             // upkeep has something to do
	unvetted  atomic.Bool               // the records are to be opened once more
	back      atomic.Bool               // the store went back, and Restore has not been
	setbacks  atomic.Int64              // how often it went back
}

// Open reads the whole store. A process that lacks a master key opens, too,
// and is not ready.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.Redis == nil || config.Sealer == nil || config.Catalogue == nil || config.Log == nil {
		return nil, errors.New("open store: Redis, Sealer, Catalogue and Log are required")
	}
	config.Settle = cmp.Or(config.Settle, DefaultSettle)
	p := &config.Process
	p.ID, p.Keys, p.Started = rand.Text(), config.Sealer.IDs(), time.Now().UTC()
	p.Schema, p.Protocol, p.LeastProtocol = Schema, Protocol, LeastProtocol
	s := &Store{config: config, fingerprint: flows.VersionOf(flows.Schema(config.Catalogue))[:16], versions: newVersions(), wake: make(chan struct{}, 1), unopened: unopened{log: config.Log, known: map[string]error{}}}
	s.connections = &vault[Connection]{store: s, kind: kindConnection}
	s.secrets = &vault[Secret]{store: s, kind: kindSecret}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// open announces the process before it reads anything: from then on nothing
// is sealed under a master key that it does not have.
func (s *Store) open(ctx context.Context) error {
	if !s.config.ReadOnly {
		if err := s.claimSchema(ctx); err != nil {
			return err
		}
		if err := s.beat(ctx); err != nil {
			return err
		}
	}
	if err := s.refresh(ctx, time.Now()); err != nil {
		return err
	}
	if s.config.ReadOnly {
		return nil
	}
	if err := s.vet(ctx); err != nil {
		return err
	}
	return s.beginMaster(ctx)
}

// Keys are the API keys.
func (s *Store) Keys() *Keys { return &Keys{s} }

// Flows are the deployed flows.
func (s *Store) Flows() *Flows { return &Flows{s} }

// Run follows the changes that other processes make, and takes part in the
// fleet, until ctx ends. Without it the store still works: Key reads the log
// itself, Find gets old.
func (s *Store) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer s.leave(ctx)
	defer parts.Wait()
	parts.Go(func() { repeat[struct{}](ctx, beatEvery, nil, s.beat, s.saysOnce("the fleet cannot be heard")) })
	parts.Go(func() { repeat(ctx, beatEvery, s.wake, s.upkeep, s.saysOnce("the store cannot be kept up")) })
	parts.Go(func() { s.compileUnchecked(ctx) })
	changes := s.config.Redis.Subscribe(ctx, channelChanges)
	defer changes.Close()
	follow := func(ctx context.Context) error { return s.refresh(ctx, time.Now()) }
	repeat(ctx, recheck, changes.Channel(), follow, s.saysOnce("the store cannot be read"))
	return nil
}

// repeat does something again and again, every so often and when told to, until
// ctx ends.
func repeat[T any](ctx context.Context, every time.Duration, told <-chan T, do func(context.Context) error, failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-told:
		case <-tick.C:
		}
		if err := do(ctx); ctx.Err() == nil {
			failed(err)
		}
	}
}

// saysOnce returns what logs that something fails, and that it works again,
// once each.
func (s *Store) saysOnce(what string) func(error) {
	failing := false
	return func(err error) {
		if failing == (err != nil) {
			return
		}
		if failing = err != nil; failing {
			s.config.Log.Error(what, "error", err)
		} else {
			s.config.Log.Info("no longer: " + what)
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

// reload reads what changed since the view.
func (s *Store) reload(ctx context.Context) error {
	asked := time.Now()
	old := s.view.Load()
	if old == nil {
		return s.reloadAll(ctx, asked)
	}
	c, err := s.changesSince(ctx, old)
	if err != nil {
		return err
	}
	switch {
	case c.verdict == changedBack:
		s.wentBack(old, c)
		return s.reloadAll(ctx, asked)
	case c.verdict == changedAll:
		return s.reloadAll(ctx, asked)
	case c.verdict == changedNothing && c.master == old.master && c.least == old.least:
		s.current.Store(asked.UnixNano())
		return nil
	}
	next, err := s.with(ctx, old, c)
	if err != nil {
		return err
	}
	touched := c.byKind()
	for _, k := range sealedKinds {
		s.examineChanged(k, touched[k], next.master)
	}
	s.keys.forget(touched[kindKey])
	s.absentKeys.forget(touched[kindKey])
	s.connections.opened.forget(touched[kindConnection])
	s.secrets.opened.forget(touched[kindSecret])
	s.publish(next, asked)
	if next.master != old.master { // what others sealed is stale now
		s.unvetted.Store(true)
		s.wakeUp()
	}
	return nil
}

// reloadAll reads everything.
func (s *Store) reloadAll(ctx context.Context, asked time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	next, err := s.load(ctx, s.view.Load())
	if err != nil {
		return err
	}
	s.keys.clear()
	s.absentKeys.clear()
	s.connections.opened.clear()
	s.secrets.opened.clear()
	s.publish(next, asked)
	s.unvetted.Store(true)
	s.wakeUp()
	return nil
}

// publish makes a view the current one. What is remembered of older ones must
// be forgotten by then.
func (s *Store) publish(next *view, asked time.Time) {
	s.view.Store(next)
	s.current.Store(asked.UnixNano())
}

// wakeUp makes upkeep look at once.
func (s *Store) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // it is going to look
	}
}

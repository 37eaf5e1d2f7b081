// Package store stores all durable data except runs: flows and their versions, users, clients, API keys, connections,
// secrets and variables.
//
// Flows, users, clients and variables are read from memory; API keys, connections and secrets are read at their first use. Each
// updateDeployment increments a revision in Redis, adds the names of the changed records to a log, and is announced. Every
// process subscribes to announcements and also reads the log twice a second: a change is normally visible everywhere
// at once, and within a second at worst, and each process reads only the changed records. While Redis is unavailable,
// an API key is trusted no longer than that; flows are still served.
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

	"github.com/penstock/penstock/audit"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/reference"
	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/internal/secretstore"
)

const (
	// maxStaleness is how long the memory counts as current after the revision was read. It must exceed recheck.
	maxStaleness = time.Second
	// pollInterval is the interval of reading the revision without an announcement.
	pollInterval = maxStaleness / 2
	// revisionLimit is the maximum duration of reading the revision, and so of a call of Key while Redis is
	// unavailable.
	revisionLimit = time.Second
	// loadLimit is the maximum duration of reading everything, or one version.
	loadLimit = 10 * time.Second
)

// ErrNotFound reports that there is no such record.
var ErrNotFound = errors.New("not found")

// Config configures a Store. The first four fields are required.
type Config struct {
	Redis     redis.UniversalClient
	Sealer    *Sealer
	Catalogue *flows.Catalogue // step kinds of this binary
	Log       *slog.Logger

	// Process is the announcement of this process; the store sets the fields that it knows. Without a Role the
	// process is not announced.
	Process Process

	// Settle is how long all processes must agree on another master key before it seals. It must exceed the restart
	// time of a process. Zero means 30 s.
	Settle time.Duration

	// Restore recreates what the settings define, after the store was found to have gone back to an earlier state.
	// The process is not ready until Restore returns nil. It may be called again. Optional.
	Restore func(ctx context.Context) error

	// Vars are values in place of those of stored variables, in this process. Optional.
	Vars map[string]any
	// History has the older entries of the audit log; nil: Redis has the last 20,000.
	History entrylog.History
	// SecretStores read the references of secrets and connections. nil: none is allowed.
	SecretStores *secretstore.Stores

	// SecondApproval makes the changes of Flows.Request proposals, which take effect when somebody else approves them.
	SecondApproval bool

	// ReadOnly opens the store without writing anything.
	ReadOnly bool
}

// Store is the access of one process to the store. Safe for concurrent use.
type Store struct {
	config      Config
	fingerprint string // of the catalogue; a flow compiled with the same one compiles again
	versions    *versions
	audit       *audit.Log

	snapshot atomic.Pointer[snapshot]
	current  atomic.Int64 // last time at which the view was current, Unix nanoseconds
	flight   singleflight.Group

	keys recordCache[Key]

	absentKeys  recordCache[struct{}] // requested names that are not API keys
	connections *vault[Connection]
	secrets     *vault[Secret]
	unopened    unopened

	fleet      atomic.Pointer[[]Process] // processes at the last beat; nil: none yet
	presence   presence                  // of the other processes
	agreement  agreement                 // owned by upkeep
	lastLogged string                    // owned by upkeep; last logged reason for not being ready
	wake       chan struct{}             // wakes upkeep
	examineDue atomic.Bool               // the records must be opened again
	restoreDue atomic.Bool               // the store went back, and Restore has not succeeded
	setbacks   atomic.Int64              // number of times it went back
}

// Open reads the whole store. A process that lacks a master key can open the store, too, but is not ready.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.Redis == nil || config.Sealer == nil || config.Catalogue == nil || config.Log == nil {
		return nil, errors.New("open store: Redis, Sealer, Catalogue and Log are required")
	}
	config.Settle = cmp.Or(config.Settle, DefaultSettle)
	if config.SecretStores == nil {
		var err error
		if config.SecretStores, err = secretstore.New(secretstore.Config{Log: config.Log}); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	p := &config.Process
	p.ID, p.Keys, p.Started = rand.Text(), config.Sealer.IDs(), time.Now().UTC()
	p.Schema, p.Protocol, p.LeastProtocol = Schema, Protocol, LeastProtocol
	s := &Store{config: config, fingerprint: flows.VersionOf(reference.Schema(config.Catalogue))[:16], versions: newVersions(), wake: make(chan struct{}, 1), unopened: unopened{log: config.Log, known: map[string]error{}}}
	s.audit = audit.New(audit.Config{Redis: config.Redis, Keys: config.Sealer.audit, History: config.History, Log: config.Log})
	s.connections = &vault[Connection]{store: s, kind: kindConnection}
	s.secrets = &vault[Secret]{store: s, kind: kindSecret}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// open announces the process before it reads anything. From then on nothing is sealed with a master key that it does
// not have.
func (s *Store) open(ctx context.Context) error {
	if !s.config.ReadOnly {
		if err := s.claimSchema(ctx); err != nil {
			return err
		}
		if err := s.announceSelf(ctx); err != nil {
			return err
		}
	}
	if err := s.refresh(ctx, time.Now()); err != nil {
		return err
	}
	if s.config.ReadOnly {
		return nil
	}
	if err := s.examineRecords(ctx); err != nil {
		return err
	}
	return s.initMaster(ctx)
}

// Keys gives access to the API keys.
func (s *Store) Keys() *Keys { return &Keys{s} }

// Flows gives access to the deployed flows.
func (s *Store) Flows() *Flows { return &Flows{s} }

// SecretStores returns what reads the references of secrets and connections; not nil.
func (s *Store) SecretStores() *secretstore.Stores { return s.config.SecretStores }

// Catalogue returns the catalogue that flows are compiled with.
func (s *Store) Catalogue() *flows.Catalogue { return s.config.Catalogue }

// Run follows the changes of other processes and takes part in the fleet until ctx ends. Without it the store still
// works: Key reads the log itself, but Find returns outdated flows.
func (s *Store) Run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer s.deregister(ctx)
	defer parts.Wait()
	parts.Go(func() {
		repeat[struct{}](ctx, announceInterval, nil, s.announceSelf, s.logTransitions("the announcements of the fleet cannot be read"))
	})
	parts.Go(func() {
		repeat(ctx, announceInterval, s.wake, s.maintain, s.logTransitions("the maintenance of the store fails"))
	})
	parts.Go(func() { s.compileUnchecked(ctx) })
	changes := s.config.Redis.Subscribe(ctx, channelChanges)
	defer changes.Close()
	follow := func(ctx context.Context) error { return s.refresh(ctx, time.Now()) }
	repeat(ctx, pollInterval, changes.Channel(), follow, s.logTransitions("the store cannot be read"))
	return nil
}

// repeat calls do at an interval and on each value of triggers, until ctx ends.
func repeat[T any](ctx context.Context, every time.Duration, triggers <-chan T, do func(context.Context) error, failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-triggers:
		case <-tick.C:
		}
		if err := do(ctx); ctx.Err() == nil {
			failed(err)
		}
	}
}

// logTransitions returns a function that logs once when something starts to fail, and once when it works again.
func (s *Store) logTransitions(what string) func(error) {
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
func (s *Store) fresh(ctx context.Context) (*snapshot, error) {
	now := time.Now()
	if now.UnixNano()-s.current.Load() < int64(maxStaleness) {
		return s.snapshot.Load(), nil
	}
	if err := s.refresh(ctx, now); err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	return s.snapshot.Load(), nil
}

// refresh makes the view current as of since or later. Of concurrent callers one reads from Redis; the others wait
// for it until their ctx ends.
func (s *Store) refresh(ctx context.Context, since time.Time) error {
	for s.current.Load() < since.UnixNano() { // a flight started before since does not count
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

// reload reads the changes since the view.
func (s *Store) reload(ctx context.Context) error {
	readAt := time.Now()
	old := s.snapshot.Load()
	if old == nil {
		return s.reloadAll(ctx, readAt)
	}
	c, err := s.changesSince(ctx, old)
	if err != nil {
		return err
	}
	switch {
	case c.verdict == changedRolledBack:
		s.noteSetback(old, c)
		return s.reloadAll(ctx, readAt)
	case c.verdict == changedAll:
		return s.reloadAll(ctx, readAt)
	case c.verdict == changedNothing && c.master == old.master && c.least == old.least:
		s.current.Store(readAt.UnixNano())
		return nil
	}
	next, err := s.withChanges(ctx, old, c)
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
	s.setSnapshot(next, readAt)
	if next.master != old.master { // recordCache sealed by others are stale now
		s.examineDue.Store(true)
		s.wakeUp()
	}
	return nil
}

// reloadAll reads everything.
func (s *Store) reloadAll(ctx context.Context, readAt time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	next, err := s.load(ctx, s.snapshot.Load())
	if err != nil {
		return err
	}
	s.keys.clear()
	s.absentKeys.clear()
	s.connections.opened.clear()
	s.secrets.opened.clear()
	s.setSnapshot(next, readAt)
	s.examineDue.Store(true)
	s.wakeUp()
	return nil
}

// publish makes a view the current one. Outdated cached records must be dropped before.
func (s *Store) setSnapshot(next *snapshot, readAt time.Time) {
	s.snapshot.Store(next)
	s.current.Store(readAt.UnixNano())
}

// wakeUp makes upkeep run at once.
func (s *Store) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // it is going to run already
	}
}

// Package secretstore reads secrets from where they are kept: Vault, environment variables, files, and the commands of other
// managers. Values are in memory only, and are read again before they are old. Whoever runs the process says in Rules what may be
// read.
package secretstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Source reads the documents of one store. Errors are *Error without a reference.
type Source interface {
	Read(ctx context.Context, path string) (*Document, error)
}

// Leaser is a Source whose documents may have leases.
type Leaser interface {
	// Renew returns the lease with its new duration.
	Renew(ctx context.Context, l Lease) (Lease, error)
	// Revoke ends a lease: its credential does not work any more.
	Revoke(ctx context.Context, l Lease) error
}

const (
	// maxReferences is the maximum number of documents in memory.
	maxReferences = 10_000
	// fileTTL is how long the content of a file is used at most: Kubernetes replaces files without a notice.
	fileTTL = 10 * time.Second
	// readLimit is the maximum duration of one reading, unless a command has a longer one.
	readLimit = 10 * time.Second
	// revokeLimit is the maximum duration of revoking all leases.
	revokeLimit = 3 * time.Second
)

// Config configures Stores.
type Config struct {
	Rules   Rules
	Sources map[string]Source // by the name of the store, in addition to files, environment variables and commands
	Log     *slog.Logger      // required
	// MinRefresh is the minimum time between two readings of a document that Refresh causes. Zero means 10 s.
	MinRefresh time.Duration
}

// Stores reads references. Safe for concurrent use.
type Stores struct {
	rules   Rules
	refresh time.Duration // see Config.MinRefresh
	sources map[string]Source
	log     *slog.Logger
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	keepers sync.WaitGroup

	mu       sync.Mutex // guards the fields below
	entries  map[string]*entry
	serial   uint64                      // of the last content that was new
	failures map[string]map[Kind]float64 // by store
}

// New returns Stores. Its owner closes it when nothing reads secrets any more.
func New(config Config) (*Stores, error) {
	if config.Log == nil {
		return nil, errors.New("make secret stores: Log is required")
	}
	if err := config.Rules.check(); err != nil {
		return nil, fmt.Errorf("make secret stores: %w", err)
	}
	s := &Stores{rules: config.Rules, refresh: cmp.Or(config.MinRefresh, minRefresh), log: config.Log, entries: map[string]*entry{}, failures: map[string]map[Kind]float64{}}
	s.rules.TTL, s.rules.Stale = cmp.Or(s.rules.TTL, defaultTTL), cmp.Or(s.rules.Stale, defaultStale)
	s.sources = map[string]Source{StoreEnv: environment{}, StoreExec: newCommands(s.rules.Exec, s.log)}
	if s.rules.File != nil {
		s.sources[StoreFile] = files{s.rules.File.Directories}
	}
	maps.Copy(s.sources, config.Sources)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Check returns why a text is no reference, or one that the rules do not allow, as a sentence without its subject. It reads nothing.
func (s *Stores) Check(text string) error {
	ref, err := Parse(text)
	if err != nil {
		return err
	}
	if err := s.rules.Allowed(ref); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "it "))
	}
	if s.sources[ref.Store] == nil {
		return errors.New("is in a store that is off here")
	}
	return nil
}

// Value returns the value of a reference. It waits for the first reading, until ctx ends. Errors are *Error, or that of ctx.
func (s *Stores) Value(ctx context.Context, text string) (string, error) {
	values, _, err := s.Values(ctx, map[string]string{"": text})
	return values[""], err
}

// Values returns the values of several references by the same names. Those of one document are of one reading, and so of one
// lease. version identifies what was read within this process: another version is another content.
func (s *Stores) Values(ctx context.Context, texts map[string]string) (values map[string]string, version string, err error) {
	read := map[string]reading{}
	values = make(map[string]string, len(texts))
	var serials []string
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		ref, err := s.parse(texts[name])
		if err != nil {
			return nil, "", about(err, shown(ref, err))
		}
		got, ok := read[ref.document()]
		if !ok {
			if got, err = s.document(ctx, ref); err != nil {
				return nil, "", s.failure(ctx, err, ref)
			}
			read[ref.document()] = got
			serials = append(serials, strconv.FormatUint(got.serial, 36))
		}
		if values[name], err = got.document.member(ref.Member); err != nil {
			return nil, "", about(err, ref.String())
		}
	}
	return values, strings.Join(serials, "."), nil
}

// shown is the reference in an error; a text that is none may be a secret in the wrong place.
func shown(ref Reference, err error) string {
	var known *Error
	if errors.As(err, &known) {
		return ref.String()
	}
	return "a secret"
}

func (s *Stores) parse(text string) (Reference, error) {
	ref, err := Parse(text)
	if err != nil {
		return ref, Failure(Invalid, "its reference "+err.Error())
	}
	if err := s.rules.Allowed(ref); err != nil {
		return ref, err
	}
	if s.sources[ref.Store] == nil {
		return ref, Failure(NotAllowed, "its store is off here")
	}
	return ref, nil
}

func (s *Stores) failure(ctx context.Context, err error, ref Reference) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	return about(err, ref.String())
}

// Refresh reads the documents of references again, because a server has refused what they gave. A document that was read within
// the last 10 s is not. It returns when the readings have ended.
func (s *Stores) Refresh(ctx context.Context, texts map[string]string) {
	done := map[string]bool{}
	for _, text := range texts {
		if ref, err := s.parse(text); err == nil && !done[ref.document()] {
			done[ref.document()] = true
			if e, err := s.entry(ref); err == nil {
				e.refresh(ctx)
			}
		}
	}
}

// document returns the last reading that may be used.
func (s *Stores) document(ctx context.Context, ref Reference) (reading, error) {
	e, err := s.entry(ref)
	if err != nil {
		return reading{}, err
	}
	return e.current(ctx)
}

// entry returns the entry of a document and notes its use. The first use starts its goroutine.
func (s *Stores) entry(ref Reference) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := ref.document()
	e := s.entries[key]
	switch {
	case s.ctx.Err() != nil:
		return nil, Failure(Unavailable, "this process stops")
	case e == nil && len(s.entries) >= maxReferences:
		return nil, Failure(Limited, fmt.Sprintf("this process has %d of them in use already", maxReferences))
	case e == nil:
		ttl := s.rules.TTL
		if ref.Store == StoreFile {
			ttl = min(ttl, fileTTL)
		}
		e = newEntry(s, ref, ttl)
		s.entries[key] = e
		s.keepers.Go(e.keep)
	}
	e.used.Store(time.Now().UnixNano())
	return e, nil
}

// drop removes an entry unless it was used meanwhile.
func (s *Stores) drop(e *entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.idle() < e.idleLimit() {
		return false
	}
	delete(s.entries, e.ref.document())
	return true
}

// nextSerial returns the number of a content that is new.
func (s *Stores) nextSerial() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return s.serial
}

// Close ends all readings and revokes the leases.
func (s *Stores) Close() error {
	s.cancel()
	s.keepers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), revokeLimit)
	defer cancel()
	s.mu.Lock()
	entries := slices.Collect(maps.Values(s.entries))
	s.mu.Unlock()
	var revoking sync.WaitGroup
	for _, e := range entries {
		revoking.Go(func() { e.revoke(ctx) })
	}
	revoking.Wait()
	return nil
}

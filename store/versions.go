package store

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"github.com/penstock/penstock/flows"
)

// maxCachedVersions is the maximum number of cached compiled versions, least recently used first to go. Compiling one
// takes a few milliseconds.
const maxCachedVersions = 4096

// versionID identifies one version of one flow.
type versionID struct {
	number  int64
	version string
}

// compileError reports that this binary cannot compile a stored flow, for example one deployed by a newer binary.
type compileError struct{ err error }

func (e *compileError) Error() string { return fmt.Sprintf("compile flow: %v", e.err) }
func (e *compileError) Unwrap() error { return e.err }

// versions compiles each version once for concurrent callers, and caches the most recently used ones.
type versions struct {
	flight singleflight.Group

	mu     sync.Mutex // guards the fields below
	byID   map[versionID]*list.Element
	recent *list.List // of version, most recently used first
	failed map[versionID]error
}

type version struct {
	id   versionID
	flow *flows.Flow
	err  error // a *compileError: flow is nil
}

func newVersions() *versions {
	return &versions{byID: map[versionID]*list.Element{}, recent: list.New(), failed: map[versionID]error{}}
}

// find returns a version from the cache, or compiles it with compile. A *compileError is cached as well; other errors
// are not, so that the next call tries again.
func (vs *versions) find(ctx context.Context, id versionID, compile func(context.Context) (*flows.Flow, error)) (*flows.Flow, error) {
	if v, ok := vs.known(id); ok {
		return v.flow, v.err
	}
	result := vs.flight.DoChan(strconv.FormatInt(id.number, 10)+":"+id.version, func() (any, error) {
		if v, ok := vs.known(id); ok { // an earlier flight has ended in between
			return v.flow, v.err
		}
		// The result is for all waiters: the first of them may give up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadLimit)
		defer cancel()
		flow, err := compile(ctx)
		var final *compileError
		if err == nil || errors.As(err, &final) {
			vs.keep(version{id, flow, err})
		}
		return flow, err
	})
	select {
	case r := <-result:
		flow, _ := r.Val.(*flows.Flow)
		return flow, r.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (vs *versions) known(id versionID) (version, bool) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	e, ok := vs.byID[id]
	if !ok {
		return version{}, false
	}
	vs.recent.MoveToFront(e)
	return e.Value.(version), true
}

func (vs *versions) keep(v version) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.byID[v.id] = vs.recent.PushFront(v)
	if v.err != nil {
		vs.failed[v.id] = v.err
	}
	if vs.recent.Len() > maxCachedVersions {
		last := vs.recent.Remove(vs.recent.Back()).(version)
		delete(vs.byID, last.id)
		delete(vs.failed, last.id)
	}
}

// failures returns the cached versions that do not compile.
func (vs *versions) failures() map[versionID]error {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return maps.Clone(vs.failed)
}

// compile reads the source of a version and compiles it.
func (s *Store) compile(ctx context.Context, id versionID) (*flows.Flow, error) {
	return s.versions.find(ctx, id, func(ctx context.Context) (*flows.Flow, error) {
		source, err := s.source(ctx, id)
		if err != nil {
			return nil, err
		}
		return s.parse(id, source)
	})
}

// parse compiles a stored source; nil means that it is missing.
func (s *Store) parse(id versionID, source []byte) (*flows.Flow, error) {
	var flow *flows.Flow
	err := fmt.Errorf("version %s of flow %d: %w", id.version, id.number, ErrNotFound)
	if source != nil {
		flow, err = flows.Parse("flow "+strconv.FormatInt(id.number, 10), source, s.config.Catalogue)
	}
	if err != nil {
		s.config.Log.Error("a deployed flow cannot run in this binary", "flow", id.number, "version", id.version, "error", err)
		return nil, &compileError{err}
	}
	return flow, nil
}

func (s *Store) source(ctx context.Context, id versionID) ([]byte, error) {
	source, err := s.config.Redis.Get(ctx, keySource(id.number, id.version)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("version %s of flow %d: %w", id.version, id.number, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read version %s of flow %d: %w", id.version, id.number, err)
	}
	return source, nil
}

package store

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/singleflight"

	"penstock/flows"
)

// versionsKept bounds the compiled versions in memory beyond the current ones.
const versionsKept = 256

// versionID names one version of one flow.
type versionID struct {
	number  int64
	version string
}

// compileError says that this binary cannot compile a stored flow, as when a
// newer one deployed it.
type compileError struct{ err error }

func (e *compileError) Error() string { return fmt.Sprintf("compile flow: %v", e.err) }
func (e *compileError) Unwrap() error { return e.err }

// versions compiles each version once, however many ask, and keeps those
// that were used last.
type versions struct {
	compile func(context.Context, versionID) (*flows.Flow, error)
	flight  singleflight.Group

	mu     sync.Mutex // guards what follows
	byID   map[versionID]*list.Element
	recent *list.List // of version, the last used in front
}

type version struct {
	id   versionID
	flow *flows.Flow
}

func newVersions(compile func(context.Context, versionID) (*flows.Flow, error)) *versions {
	return &versions{compile: compile, byID: map[versionID]*list.Element{}, recent: list.New()}
}

// find returns the compiled version. Errors are not kept: the next call tries again.
func (vs *versions) find(ctx context.Context, id versionID) (*flows.Flow, error) {
	if flow := vs.known(id); flow != nil {
		return flow, nil
	}
	result := vs.flight.DoChan(strconv.FormatInt(id.number, 10)+":"+id.version, func() (any, error) {
		if flow := vs.known(id); flow != nil { // an earlier flight landed since we looked
			return flow, nil
		}
		// The work is for all who wait: the first of them may give up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadLimit)
		defer cancel()
		flow, err := vs.compile(ctx, id)
		if err == nil {
			vs.keep(id, flow)
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

func (vs *versions) known(id versionID) *flows.Flow {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	e, ok := vs.byID[id]
	if !ok {
		return nil
	}
	vs.recent.MoveToFront(e)
	return e.Value.(version).flow
}

func (vs *versions) keep(id versionID, flow *flows.Flow) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.byID[id] = vs.recent.PushFront(version{id, flow})
	if vs.recent.Len() > versionsKept {
		last := vs.recent.Remove(vs.recent.Back()).(version)
		delete(vs.byID, last.id)
	}
}

// compile reads a version's source and compiles it.
func (s *Store) compile(ctx context.Context, id versionID) (*flows.Flow, error) {
	source, err := s.source(ctx, id)
	if err != nil {
		return nil, err
	}
	flow, err := flows.Parse("flow "+strconv.FormatInt(id.number, 10), source, s.config.Catalogue)
	if err != nil {
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

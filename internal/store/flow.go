package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"penstock/flows"
)

const (
	// historyLength is how many versions of a flow can be rolled back to.
	historyLength = 100
	// sourceAfterlife is how long the source of a version outlives its place
	// in the history, for the runs that are pinned to it.
	sourceAfterlife = 30 * 24 * time.Hour
)

// Flows are the deployed flows. Safe for concurrent use.
type Flows struct{ store *Store }

// Find returns the current version of a flow by its number or slug, from
// memory: the view may be older than a second while Redis is away. A flow
// that this binary cannot compile is not found.
func (f *Flows) Find(ref string) (*flows.Flow, bool) {
	d := f.store.view.Load().find(ref)
	if d == nil || d.flow == nil {
		return nil, false
	}
	return d.flow, true
}

// Version returns one version of a flow, compiled: the one that a run is
// pinned to. ErrNotFound when its source is not stored.
func (f *Flows) Version(ctx context.Context, number int64, version string) (*flows.Flow, error) {
	if d := f.store.view.Load().flows[number]; d != nil && d.Version == version && d.flow != nil {
		return d.flow, nil
	}
	return f.store.versions.find(ctx, versionID{number, version})
}

// Parse reads, checks and compiles a flow of the steps that this binary knows.
// The error is flows.Problems, which call it by name.
func (f *Flows) Parse(name string, source []byte) (*flows.Flow, error) {
	return flows.Parse(name, source, f.store.config.Catalogue)
}

// Source returns the text of one version, and ErrNotFound when it is not stored.
func (f *Flows) Source(ctx context.Context, number int64, version string) ([]byte, error) {
	return f.store.source(ctx, versionID{number, version})
}

// Head returns what is deployed under a number or slug, or ErrNotFound.
func (f *Flows) Head(ref string) (Head, error) {
	d := f.store.view.Load().find(ref)
	if d == nil {
		return Head{}, ErrNotFound
	}
	return d.Head, nil
}

// List returns all flows by number.
func (f *Flows) List() []Head {
	var all []Head
	for _, d := range f.store.view.Load().flows {
		all = append(all, d.Head)
	}
	slices.SortFunc(all, func(a, b Head) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// ConflictError says that a slug belongs to another flow.
type ConflictError struct {
	Slug  string
	Owner int64 // the number of the flow that has it
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the slug %q belongs to flow %d: choose another slug, or delete that flow", e.Slug, e.Owner)
}

// Deploy makes the flow the current version of its number and returns the
// version. A flow is its number: its slug and name may change. Deploying what
// is deployed already changes nothing. It returns a *ConflictError when
// another flow has the slug.
func (f *Flows) Deploy(ctx context.Context, flow *flows.Flow) (string, error) {
	err := f.change(ctx, flow.Number, func(heads map[int64]Head) (*Head, error) {
		old, exists := heads[flow.Number]
		if exists && old.Version == flow.Version {
			return nil, nil
		}
		if err := slugIsFree(heads, flow); err != nil {
			return nil, err
		}
		next := old.with(flow, time.Now())
		next.Enabled = flow.Enabled
		return &next, nil
	}, flow)
	if err != nil {
		return "", fmt.Errorf("deploy flow %d: %w", flow.Number, err)
	}
	return flow.Version, nil
}

// Rollback makes an earlier version of the history the current one.
func (f *Flows) Rollback(ctx context.Context, number int64, version string) error {
	flow, err := f.Version(ctx, number, version)
	if err != nil {
		return fmt.Errorf("roll back flow %d to %s: %w", number, version, err)
	}
	err = f.change(ctx, number, func(heads map[int64]Head) (*Head, error) {
		old, exists := heads[number]
		known := slices.ContainsFunc(old.History, func(d Deployment) bool { return d.Version == version })
		if !exists || !known {
			return nil, ErrNotFound
		}
		if err := slugIsFree(heads, flow); err != nil || old.Version == version {
			return nil, err
		}
		next := old.with(flow, time.Now())
		return &next, nil
	}, flow)
	if err != nil {
		return fmt.Errorf("roll back flow %d to %s: %w", number, version, err)
	}
	return nil
}

// Enable switches the flow's own triggers on or off, until a new version is
// deployed, which says so itself.
func (f *Flows) Enable(ctx context.Context, number int64, enabled bool) error {
	err := f.change(ctx, number, func(heads map[int64]Head) (*Head, error) {
		head, exists := heads[number]
		if !exists {
			return nil, ErrNotFound
		}
		if head.Enabled == enabled {
			return nil, nil
		}
		if head.Enabled = enabled; enabled && head.Schedule != "" {
			head.Since = time.Now().UTC().Truncate(time.Millisecond)
		}
		return &head, nil
	}, nil)
	if err != nil {
		return fmt.Errorf("enable flow %d: %w", number, err)
	}
	return nil
}

// Pause makes the runs of a flow wait, or lets them begin again, also those of
// earlier versions and whatever is deployed meanwhile. It returns when the
// pause began that it found or made; zero: there was none.
func (f *Flows) Pause(ctx context.Context, number int64, paused bool) (time.Time, error) {
	var since time.Time
	err := f.change(ctx, number, func(heads map[int64]Head) (*Head, error) {
		head, exists := heads[number]
		if !exists {
			return nil, ErrNotFound
		}
		if since = head.Paused; since.IsZero() != paused {
			return nil, nil
		}
		head.Paused = time.Time{}
		if paused {
			since = time.Now().UTC().Truncate(time.Millisecond)
			head.Paused = since
		}
		return &head, nil
	}, nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("pause flow %d: %w", number, err)
	}
	return since, nil
}

// Paused returns since when a flow is paused, from memory; zero: it is not.
func (f *Flows) Paused(number int64) time.Time {
	if d := f.store.view.Load().flows[number]; d != nil {
		return d.Paused
	}
	return time.Time{}
}

// Delete removes a flow. Runs that were accepted still find their version.
func (f *Flows) Delete(ctx context.Context, number int64) error {
	err := f.store.apply(ctx, func(tx *redis.Tx) (func(redis.Pipeliner), error) {
		heads, err := readHeads(ctx, tx)
		if err != nil {
			return nil, err
		}
		head, exists := heads[number]
		if !exists {
			return nil, ErrNotFound
		}
		return func(p redis.Pipeliner) {
			p.HDel(ctx, keyFlows, strconv.FormatInt(number, 10))
			retire(ctx, p, number, head.History)
		}, nil
	})
	if err != nil {
		return fmt.Errorf("delete flow %d: %w", number, err)
	}
	return nil
}

// change decides on the head of one flow, knowing all heads; nil keeps it as
// it is. The source of the flow, if given, is written with the head.
func (f *Flows) change(ctx context.Context, number int64, decide func(map[int64]Head) (*Head, error), flow *flows.Flow) error {
	return f.store.apply(ctx, func(tx *redis.Tx) (func(redis.Pipeliner), error) {
		heads, err := readHeads(ctx, tx)
		if err != nil {
			return nil, err
		}
		head, err := decide(heads)
		if err != nil || head == nil {
			return nil, err
		}
		kept := min(len(head.History), historyLength)
		dropped := slices.Clone(head.History[kept:])
		head.History = head.History[:kept]
		data, err := json.Marshal(head)
		if err != nil {
			return nil, err
		}
		return func(p redis.Pipeliner) {
			if flow != nil {
				p.Set(ctx, keySource(number, flow.Version), flow.Source, 0) // ends an afterlife, too
			}
			p.HSet(ctx, keyFlows, strconv.FormatInt(number, 10), data)
			retire(ctx, p, number, dropped)
		}, nil
	})
}

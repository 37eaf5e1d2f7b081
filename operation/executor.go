package operation

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// Flows finds flows. *store.Flows implements it.
type Flows interface {
	Find(ref string) (*flows.Flow, bool)
	// Version returns a version of a flow. The error for an unknown one ends the action of its runs.
	Version(ctx context.Context, flow int64, version string) (*flows.Flow, error)
}

// Queue reads, starts and changes runs. *queue.Client implements it.
type Queue interface {
	Record(ctx context.Context, id string) (queue.Record, error)
	Journal(ctx context.Context, r *queue.Record) ([]flows.JournalEntry, error)
	Start(ctx context.Context, s queue.Submission, at time.Time) (string, error)
	Cancel(ctx context.Context, id string, why []byte) (queue.State, error)
	SetTriage(ctx context.Context, run string, t queue.Triage) error
}

// Config of an Executor. All are required, except Allowed and CopyFiles.
type Config struct {
	Store *Store
	Queue Queue
	Flows Flows
	Log   *slog.Logger

	// Allowed reports whether the principal that began an operation may still do what it does. Nil: always.
	Allowed func(ctx context.Context, by string, starts bool) (bool, error)
	// CopyFiles copies the files that an event names from one run to another, as flows.CopyFiles. Nil: no run has files.
	CopyFiles func(ctx context.Context, event []byte, from, to string) ([]byte, []string, error)
}

// Executor executes operations: one at a time in this process, and each in one process at a time. A process that does not
// record results for the time of the lease loses the operation to another one, which begins with the runs that have no
// result. Because each action on a run is repeatable, nothing happens twice.
type Executor struct {
	*Store
	config Config
}

// NewExecutor returns an Executor. One that does not run has the operations, and plans them.
func NewExecutor(config Config) *Executor { return &Executor{config.Store, config} }

const (
	lookEvery = time.Second
	tick      = 100 * time.Millisecond // the runs of this time are one batch
	atOnce    = 8                      // runs of a batch

	checkEvery = time.Second // the principal of an operation is looked at again
)

// Run executes operations until ctx ends.
func (e *Executor) Run(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		t, err := e.Store.take(ctx)
		if err == nil && t != nil {
			err = e.execute(ctx, t)
		}
		if err != nil && ctx.Err() == nil {
			e.config.Log.Warn("execute operation", "error", err)
		}
	}
}

// execute applies the action to the runs of an operation, batch after batch, at its rate.
func (e *Executor) execute(ctx context.Context, t *taken) error {
	log := e.config.Log.With("operation", t.ID, "action", string(t.Action))
	log.Info("operation begins", "runs", t.Total, "from", t.next)
	batch := max(1, t.Rate*int(tick)/int(time.Second))
	checked := time.Time{}
	pace := time.NewTicker(time.Duration(batch) * time.Second / time.Duration(t.Rate))
	defer pace.Stop()
	for {
		if time.Since(checked) >= checkEvery {
			checked = time.Now()
			if err := e.stopUnlessAllowed(ctx, t, log); err != nil {
				return err
			}
		}
		if t.Stopping {
			_, err := e.Store.record(ctx, t, nil)
			return err
		}
		ids, err := e.Store.runs(ctx, t, batch)
		if err != nil {
			return fmt.Errorf("read runs of operation: %w", err)
		}
		results, whole := e.apply(ctx, t, ids)
		if !whole {
			return nil // another process begins with these runs
		}
		goesOn, err := e.Store.record(ctx, t, results)
		if err != nil {
			return fmt.Errorf("record results: %w", err)
		}
		if !goesOn {
			log.Info("operation ends", "next", t.next)
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
	}
}

// stopUnlessAllowed stops an operation whose principal may not do any more what it does: it was disabled, deleted, or has
// lost a scope.
func (e *Executor) stopUnlessAllowed(ctx context.Context, t *taken, log *slog.Logger) error {
	if e.config.Allowed == nil {
		return nil
	}
	allowed, err := e.config.Allowed(ctx, t.By, t.Action.Starts())
	if err != nil {
		return fmt.Errorf("check principal of operation: %w", err)
	}
	if allowed {
		return nil
	}
	log.Warn("operation stops: its principal may not do this any more", "principal", t.By)
	t.Stopping = true
	return e.Store.Stop(ctx, t.ID)
}

// apply applies the action to some runs at once. It renews the lease when that takes long, because the queue is full or Redis
// is away. False: the operation has ended meanwhile, this process has lost it, or ctx has ended.
func (e *Executor) apply(ctx context.Context, t *taken, ids []string) (results []Result, whole bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var renewal sync.WaitGroup
	defer renewal.Wait()
	done := make(chan struct{})
	defer close(done)
	renewal.Go(func() {
		renew := time.NewTicker(lease / 3)
		defer renew.Stop()
		for {
			select {
			case <-done:
				return
			case <-renew.C:
			}
			if goesOn, err := e.Store.record(ctx, t, nil); err == nil && !goesOn {
				cancel()
				return
			}
		}
	})
	results = make([]Result, len(ids))
	free := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for i, id := range ids {
		free <- struct{}{}
		group.Go(func() {
			defer func() { <-free }()
			results[i] = e.one(ctx, t.Operation, id)
		})
	}
	group.Wait()
	return results, ctx.Err() == nil
}

package history

import (
	"context"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/lease"
	"github.com/penstock/penstock/queue"
)

const (
	archiveEvery = 500 * time.Millisecond
	archiveBatch = 1000        // runs in one transaction
	archiveAfter = time.Second // after the end of a run, so that most of what is noted of it later is copied at once
	unreadable   = time.Hour   // after this time a run whose record cannot be read is left out
)

// Source has the ended runs. *queue.Client implements it.
type Source interface {
	Queues(ctx context.Context) ([]string, error)
	ReadEnded(ctx context.Context, queue string, most int) (runs []queue.Archived, rest int, err error)
	MarkArchived(ctx context.Context, queue string, runs []queue.Archived) error
}

// ArchiverConfig configures an Archiver. All fields are required but Describe, Busy and Delay.
type ArchiverConfig struct {
	History *DB
	Source  Source
	Redis   redis.UniversalClient
	Process string // id of this process
	Keep    Keep   // of runs whose flow says nothing else
	Log     *slog.Logger

	// Busy reports whether the processors have other work. Runs are then copied Delay after their end. Nil: they never have.
	Busy  func() bool
	Delay time.Duration

	// Describe completes what is known of a run: its labels, and how long its flow keeps it. Nil: nothing is added.
	Describe func(ctx context.Context, r *Run, record *queue.Record)
}

// Keep is how long runs are kept, from their end.
type Keep struct {
	Runs   time.Duration
	Values time.Duration // zero: as long as the run
}

// Archiver copies ended runs from Redis to a history. One process of the fleet does it at a time; that two do it for a
// moment is of no consequence.
type Archiver struct {
	config ArchiverConfig
	turn   lease.Lease

	waiting  atomic.Int64
	archived atomic.Int64
	failed   atomic.Int64
}

// NewArchiver returns an Archiver.
func NewArchiver(config ArchiverConfig) *Archiver {
	return &Archiver{config: config, turn: turn(config.Redis, keyArchiver, config.Process)}
}

// Waiting returns the number of ended runs that were not copied when this process last looked; 0 when another process copies.
func (a *Archiver) Waiting() int64 { return a.waiting.Load() }

// Archived returns the number of runs that this process has copied.
func (a *Archiver) Archived() int64 { return a.archived.Load() }

// Failed returns how often copying has failed.
func (a *Archiver) Failed() int64 { return a.failed.Load() }

// Run copies runs until ctx ends.
func (a *Archiver) Run(ctx context.Context) error {
	defer a.turn.Release(context.WithoutCancel(ctx))
	return repeat(ctx, archiveEvery, a.round, func(err error, was bool) {
		if err != nil {
			a.failed.Add(1)
		}
		if err != nil && !was {
			a.config.Log.Error("copy ended runs to the history: Redis keeps them until it succeeds", "error", err)
		}
		if err == nil && was {
			a.config.Log.Info("ended runs are copied to the history again")
		}
	})
}

// round copies what has ended, if it is the turn of this process.
func (a *Archiver) round(ctx context.Context) error {
	if mine, err := a.turn.Take(ctx); err != nil || !mine {
		a.waiting.Store(0)
		return err
	}
	queues, err := a.config.Source.Queues(ctx)
	if err != nil {
		return err
	}
	waiting := 0
	for _, name := range queues {
		rest, err := a.copyQueue(ctx, name)
		waiting += rest
		a.waiting.Store(int64(waiting))
		if err != nil {
			return err
		}
	}
	return nil
}

// copyQueue copies the ended runs of a queue, and returns how many are left.
func (a *Archiver) copyQueue(ctx context.Context, name string) (rest int, err error) {
	for {
		runs, behind, err := a.config.Source.ReadEnded(ctx, name, archiveBatch)
		if err != nil {
			return 0, err
		}
		ready := a.ready(runs)
		if err := a.copy(ctx, runs[:ready]); err != nil {
			return len(runs) + behind, err
		}
		if ready > 0 {
			if err := a.config.Source.MarkArchived(ctx, name, runs[:ready]); err != nil {
				return len(runs) + behind, err
			}
			a.archived.Add(int64(ready))
		}
		if rest = len(runs) - ready + behind; ready < len(runs) || behind == 0 {
			return rest, nil
		}
		if _, err := a.turn.Take(ctx); err != nil {
			return rest, err
		}
	}
}

// ready returns the number of runs that are copied now: up to the first that has ended too recently, or cannot be read.
func (a *Archiver) ready(runs []queue.Archived) int {
	now, after := time.Now(), archiveAfter
	if a.config.Busy != nil && a.config.Busy() {
		after = max(after, a.config.Delay)
	}
	for i := range runs {
		r := &runs[i]
		if len(r.Record) == 0 {
			continue
		}
		us, _ := strconv.ParseInt(r.Record["finished"], 10, 64)
		age := now.Sub(time.UnixMicro(us))
		switch {
		case age < after:
			return i
		case r.Unreadable != nil && age < unreadable:
			a.config.Log.Error("an ended run cannot be read, and those behind it wait", "run_id", r.ID, "error", r.Unreadable)
			return i
		case r.Unreadable != nil:
			a.config.Log.Error("an ended run is left out of the history", "run_id", r.ID, "error", r.Unreadable)
		}
	}
	return len(runs)
}

// copy writes runs to the history.
func (a *Archiver) copy(ctx context.Context, archived []queue.Archived) error {
	runs := make([]Run, 0, len(archived))
	for i := range archived {
		if len(archived[i].Record) == 0 || archived[i].Unreadable != nil {
			continue
		}
		run, err := a.describe(ctx, &archived[i])
		if err != nil {
			return err
		}
		runs = append(runs, run)
	}
	err := a.config.History.Write(ctx, runs)
	if err == nil || !a.config.History.dialect.refuses(err) {
		return err
	}
	for i := range runs {
		err := a.config.History.Write(ctx, runs[i:i+1])
		if err != nil && !a.config.History.dialect.refuses(err) {
			return err
		}
		if err != nil {
			a.config.Log.Error("an ended run is left out of the history, which does not take it", "run_id", runs[i].ID, "error", err)
		}
	}
	return nil
}

// describe adds to a run how long it is kept, and its labels.
func (a *Archiver) describe(ctx context.Context, archived *queue.Archived) (Run, error) {
	run := Run{Archived: *archived}
	record, err := run.record()
	if err != nil {
		return run, err
	}
	run.KeepFor(a.config.Keep, record.Times.Finished)
	if a.config.Describe != nil {
		a.config.Describe(ctx, &run, record)
	}
	return run, nil
}

// KeepFor sets when a run that has ended expires.
func (r *Run) KeepFor(k Keep, ended time.Time) {
	r.Expires, r.ValuesExpire = ended.Add(k.Runs), time.Time{}
	if k.Values > 0 && k.Values < k.Runs {
		r.ValuesExpire = ended.Add(k.Values)
	}
}

package history

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/internal/lease"
)

const (
	copyLogsEvery = time.Second
	logBatch      = 1000 // entries in one transaction
)

// LogSource has the entries of logs that the history does not have yet. *audit.Log and *deliveries.Log implement it.
type LogSource interface {
	// ReadEntries returns the first of them, at most a number, and a mark behind them; an empty one: there are none.
	ReadEntries(ctx context.Context, most int) (entries []entrylog.Entry, mark string, err error)
	// MarkEntries notes that the history has the entries before a mark. last: there were no others when they were read.
	MarkEntries(ctx context.Context, mark string, last bool) error
}

// KeptLog is a log, and how long the history keeps its entries.
type KeptLog struct {
	Source LogSource
	Keep   time.Duration
}

// LogArchiverConfig configures a LogArchiver. All fields are required.
type LogArchiverConfig struct {
	History *DB
	Logs    []KeptLog
	Redis   redis.UniversalClient
	Process string // id of this process
	Log     *slog.Logger
}

// LogArchiver copies entries of logs from Redis to a history. One process of the fleet does it at a time; that two do it for a
// moment is of no consequence.
type LogArchiver struct {
	config  LogArchiverConfig
	turn    lease.Lease
	expired time.Time // when entries of chains were last looked at
}

// NewLogArchiver returns a LogArchiver.
func NewLogArchiver(config LogArchiverConfig) *LogArchiver {
	return &LogArchiver{config: config, turn: turn(config.Redis, keyLogArchiver, config.Process)}
}

// Run copies entries until ctx ends.
func (a *LogArchiver) Run(ctx context.Context) error {
	defer a.turn.Release(context.WithoutCancel(ctx))
	return repeat(ctx, copyLogsEvery, a.round, func(err error, was bool) {
		if err != nil && !was {
			a.config.Log.Error("copy logs to the history: Redis keeps the newest entries until it succeeds", "error", err)
		}
		if err == nil && was {
			a.config.Log.Info("logs are copied to the history again")
		}
	})
}

// round copies what is new, if it is the turn of this process.
func (a *LogArchiver) round(ctx context.Context) error {
	for _, log := range a.config.Logs {
		for last := false; !last; {
			if mine, err := a.turn.Take(ctx); err != nil || !mine {
				return err
			}
			entries, mark, err := log.Source.ReadEntries(ctx, logBatch)
			if err != nil {
				return fmt.Errorf("read log: %w", err)
			}
			if mark == "" {
				break
			}
			last = len(entries) < logBatch
			if err := a.config.History.WriteEntries(ctx, entries, log.Keep); err != nil {
				return err
			}
			if err := log.Source.MarkEntries(ctx, mark, last); err != nil {
				return fmt.Errorf("mark log: %w", err)
			}
		}
	}
	return a.expireChains(ctx, time.Now())
}

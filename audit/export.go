package audit

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/internal/lease"
)

const (
	// exportEvery is the interval at which an exporter looks for new entries.
	exportEvery = time.Second
	// exportBatch is the maximum number of entries that a sink gets at once, and exportBytes about that of their bytes.
	exportBatch = 500
	exportBytes = 1 << 20
	// turnTTL is how long a process exports after it was last seen.
	turnTTL = 15 * time.Second
	// writeLimit is the maximum duration of writing one batch. It is shorter than turnTTL, so that no other process begins meanwhile.
	writeLimit = 10 * time.Second
	// maxPause is the longest pause after failures; the first is exportEvery, and each is twice the one before.
	maxPause = time.Minute
	// LateAfter is the time without progress after which an exporter that has something to do is late.
	LateAfter = 5 * time.Minute
)

// Sink takes entries. Only one goroutine calls it.
type Sink interface {
	// Kind is one of Sinks.
	Kind() string
	// Target says where entries go, without secrets.
	Target() string
	// Write writes entries in order. When it returns nil, the sink has them all. After an error it gets them again.
	Write(ctx context.Context, entries []*Entry) error
	// Close releases what the sink holds.
	Close() error
}

// ErrTooLarge is an error of Sink.Write: fewer entries at once may be taken.
var ErrTooLarge = errors.New("too many entries at once")

// Exporter copies the log to a sink: in order, each entry at least once, by one process of the fleet at a time. It remembers in Redis how
// far it is, and goes on there after a restart. No request waits for it.
type Exporter struct {
	log     *Log
	sink    Sink
	turn    lease.Lease
	most    int // entries in one batch; lower after ErrTooLarge
	failing time.Time
	pause   time.Duration
}

// NewExporter returns an exporter. process is unique in the fleet.
func NewExporter(log *Log, sink Sink, process string) *Exporter {
	return &Exporter{log: log, sink: sink, most: exportBatch, turn: lease.Lease{Redis: log.config.Redis, Key: keyExportTurn(sink.Kind()), Holder: process, TTL: turnTTL}}
}

// Run exports until ctx ends.
func (x *Exporter) Run(ctx context.Context) error {
	defer x.sink.Close()
	defer x.turn.Release(context.WithoutCancel(ctx))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		err := x.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		timer.Reset(x.after(ctx, err))
	}
}

// after notes how a round ended and returns the pause before the next one.
func (x *Exporter) after(ctx context.Context, err error) time.Duration {
	logger := x.log.config.Log.With("sink", x.sink.Kind(), "target", x.sink.Target())
	if err == nil {
		if !x.failing.IsZero() {
			logger.Info("the audit log is exported again")
		}
		x.failing, x.pause = time.Time{}, 0
		return exportEvery
	}
	if x.failing.IsZero() {
		x.failing = time.Now()
		logger.Error("export audit log", "error", err)
	}
	x.note(ctx, "error", Bounded(err.Error(), maxText), "failing_since", x.failing.UnixMilli(), "target", x.sink.Target(), "at", time.Now().UnixMilli())
	x.pause = min(max(exportEvery, 2*x.pause), maxPause)
	return x.pause
}

// round exports all that is new, if it is the turn of this process.
func (x *Exporter) round(ctx context.Context) error {
	for {
		if mine, err := x.turn.Take(ctx); err != nil || !mine {
			return err
		}
		done, _, err := x.log.export(ctx, x.sink.Kind())
		if err != nil {
			return err
		}
		entries, err := x.log.after(ctx, done.place, x.most)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return x.idle(ctx, &done)
		}
		if err := x.write(ctx, &done, entries); err != nil {
			return err
		}
	}
}

// write exports a batch and remembers it.
func (x *Exporter) write(ctx context.Context, done *Export, entries []*Entry) error {
	limited, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	err := x.sink.Write(limited, entries)
	if errors.Is(err, ErrTooLarge) && len(entries) > 1 {
		x.most = max(1, len(entries)/2)
		return nil // the next round takes fewer
	}
	if err != nil {
		return err
	}
	last, lost := entries[len(entries)-1], done.Lost
	for at, before := 0, done.Seq; at < len(entries); at++ {
		if seq := entries[at].Seq; seq != 0 {
			if before != 0 && seq > before+1 {
				lost += seq - before - 1
			}
			before = seq
		}
	}
	if lost > done.Lost {
		x.log.config.Log.Error("entries of the audit log were removed before they were exported", "sink", x.sink.Kind(), "entries", lost-done.Lost, "before", entries[0].ID)
	}
	fields := []any{"target", x.sink.Target(), "place", last.at().String(), "ms", last.At.UnixMilli(), "lost", lost, "error", "", "failing_since", 0, "at", time.Now().UnixMilli()}
	if last.Seq != 0 {
		fields = append(fields, "seq", last.Seq, "hash", last.Hash)
	}
	return x.log.config.Redis.HSet(ctx, keyExport(x.sink.Kind()), fields...).Err()
}

// at returns the place at which the log has the entry.
func (e *Entry) at() entrylog.Place {
	if e.stored != (entrylog.Place{}) {
		return e.stored
	}
	return e.Place()
}

// idle notes that all entries are exported.
func (x *Exporter) idle(ctx context.Context, done *Export) error {
	if done.Error == "" && done.Target == x.sink.Target() && time.Since(done.Seen) < maxPause {
		return nil
	}
	x.note(ctx, "target", x.sink.Target(), "error", "", "failing_since", 0, "at", time.Now().UnixMilli())
	return nil
}

func (x *Exporter) note(ctx context.Context, fields ...any) {
	if err := x.log.config.Redis.HSet(ctx, keyExport(x.sink.Kind()), fields...).Err(); err != nil {
		x.log.config.Log.Warn("note the export of the audit log", "error", err)
	}
}

// after returns the first entries behind a place: at most a number, and about exportBytes of them.
func (l *Log) after(ctx context.Context, place entrylog.Place, most int) (entries []*Entry, err error) {
	size := 0
	err = l.Scan(ctx, Range{Oldest: true, After: place}, func(e *Entry) bool {
		entries, size = append(entries, e), size+len(e.Text())
		return len(entries) < most && size < exportBytes
	})
	return entries, err
}

// Late says why an export needs attention; empty: it does not.
func (x *Export) Late(now time.Time) string {
	switch {
	case x.Lost > 0:
		return strconv.FormatInt(x.Lost, 10) + " entries were removed before they were exported"
	case x.Error != "" && now.Sub(x.Since) >= LateAfter:
		return fmt.Sprintf("%d entries wait since %s: %s", x.Behind, x.Since.Format(time.RFC3339), x.Error)
	case x.Behind > 0 && now.Sub(x.Seen) >= LateAfter:
		return fmt.Sprintf("%d entries wait, and no process has exported any since %s", x.Behind, x.Seen.Format(time.RFC3339))
	}
	return ""
}

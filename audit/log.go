package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
	"github.com/penstock/penstock/internal/groupcommit"
)

const (
	// length is the maximum number of entries in Redis, about, and waiting that while they wait for the history.
	length  = 20_000
	waiting = 100_000
	// Name is the name of the log in the history.
	Name  = "audit"
	field = "entry"
	chunk = 200  // entries read in the first call: the largest page
	large = 1000 // entries read in a further call
)

// Config configures a Log. Redis and Keys are required.
type Config struct {
	Redis   redis.UniversalClient
	Keys    Keys
	History entrylog.History // has the older entries; nil: Redis has the last ones only
	Log     *slog.Logger     // nil: nothing is logged

	// Length and Waiting are the maximum numbers of entries in Redis without and with a History, about; zero: 20,000 and 100,000.
	Length, Waiting int
}

// Log is the log of administrative actions, in order. Safe for concurrent use.
type Log struct {
	config   Config
	batch    *groupcommit.Batcher[pending]
	refusals *Refusals
}

// New returns the log of an installation. Of one Redis each process has one.
func New(config Config) *Log {
	config.Length, config.Waiting = cmp.Or(config.Length, length), cmp.Or(config.Waiting, waiting)
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	l := &Log{config: config}
	l.batch = groupcommit.New(1, maxBatch, l.flush)
	l.refusals = NewRefusals(l)
	return l
}

// Refuse writes or counts an entry that anybody may cause as often as the limits permit, such as a refusal; see Refusals. Errors are those of writing the entry.
func (l *Log) Refuse(ctx context.Context, e Entry) error { return l.refusals.Note(ctx, e) }

// Note is Refuse for a caller who cannot do anything about an error: it is logged, with the entry.
func (l *Log) Note(ctx context.Context, e Entry) { e.LogMissing(ctx, l.config.Log, l.Refuse(ctx, e)) }

// LogMissing logs an entry that could not be written, unless err is nil: the action is done, and the line is all that is left of it.
func (e *Entry) LogMissing(ctx context.Context, log *slog.Logger, err error) {
	if err != nil {
		log.LogAttrs(ctx, slog.LevelError, "an entry is missing in the audit log",
			slog.String("actor", e.Name), slog.String("act", e.Act), slog.String("entry", string(e.Text())), slog.String("error", err.Error()))
	}
}

// Run writes what Refuse counts until ctx ends, and signs the notes of removals with the first key.
func (l *Log) Run(ctx context.Context) error {
	if err := l.SignCuts(ctx); err != nil {
		l.config.Log.Warn("sign the notes of the audit log: it is tried again with the next start", "error", err)
	}
	return l.refusals.Run(ctx)
}

// Range is a part of the log.
type Range struct {
	From, To time.Time      // zero: unbounded; both inclusive, in milliseconds
	Oldest   bool           // oldest first; else newest first
	After    entrylog.Place // start behind this entry; zero: at the first
}

// Scan passes the entries of a range to each, in order, until each returns false. It reads them in chunks. Errors:
// entrylog.ErrHistory when the history does not answer, after each has got the entries that Redis has.
func (l *Log) Scan(ctx context.Context, r Range, each func(*Entry) bool) error {
	return l.scan(ctx, r, func(e entrylog.Entry) bool { return each(entryOf(e)) })
}

// scan is Scan for entries as they are stored.
func (l *Log) scan(ctx context.Context, r Range, each func(entrylog.Entry) bool) error {
	within := entrylog.Range{Oldest: r.Oldest, After: r.After}
	if !r.From.IsZero() {
		within.From = max(1, r.From.UnixMilli())
	}
	if !r.To.IsZero() {
		within.To = max(1, r.To.UnixMilli())
	}
	err := entrylog.Scan(ctx, l.config.History, Name, within,
		func(r entrylog.Range, each func(entrylog.Entry) (bool, error)) error { return l.stored(ctx, r, each) },
		func(e entrylog.Entry) (bool, error) { return each(e), nil })
	if err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	return nil
}

// stored is Scan for the entries that Redis has.
func (l *Log) stored(ctx context.Context, r entrylog.Range, each func(entrylog.Entry) (bool, error)) error {
	first, last := "-", "+"
	if r.From != 0 {
		first = strconv.FormatInt(r.From, 10)
	}
	if r.To != 0 {
		last = strconv.FormatInt(r.To, 10)
	}
	for most := chunk; ; most = large {
		switch {
		case r.After == entrylog.Place{}:
		case r.Oldest:
			first = "(" + r.After.String()
		default:
			last = "(" + r.After.String()
		}
		entries, err := l.read(ctx, first, last, r.Oldest, most)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if more, err := each(e); err != nil || !more {
				return err
			}
			r.After = e.Place
		}
		if len(entries) < most {
			return nil
		}
	}
}

// read returns at most a number of the entries between two ids of the stream.
func (l *Log) read(ctx context.Context, first, last string, oldest bool, most int) ([]entrylog.Entry, error) {
	var reply *redis.XMessageSliceCmd
	if oldest {
		reply = l.config.Redis.XRangeN(ctx, keyStream, first, last, int64(most))
	} else {
		reply = l.config.Redis.XRevRangeN(ctx, keyStream, last, first, int64(most))
	}
	entries := make([]entrylog.Entry, len(reply.Val()))
	for i, m := range reply.Val() {
		place, err := entrylog.ParsePlace(m.ID)
		if err != nil {
			return nil, err
		}
		text, _ := m.Values[field].(string)
		entries[i] = entrylog.Entry{Log: Name, Place: place, Text: []byte(text)}
	}
	return entries, reply.Err()
}

// Find returns the entry with an id. Error: ErrNotFound.
func (l *Log) Find(ctx context.Context, id string) (*Entry, error) {
	place, err := entrylog.ParsePlace(id)
	if err != nil || place.At < 1 || place.Seq < 0 || id != place.String() {
		return nil, ErrNotFound
	}
	found, err := l.read(ctx, id, id, true, 1)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	if len(found) == 0 && l.config.History != nil {
		r := entrylog.Range{From: place.At, To: place.At, Oldest: true}
		if place.Seq > 0 {
			r.After = entrylog.Place{At: place.At, Seq: place.Seq - 1}
		}
		if found, err = l.config.History.Entries(ctx, Name, r, 1); err != nil {
			return nil, fmt.Errorf("read audit log: %w: %w", entrylog.ErrHistory, err)
		}
	}
	if len(found) == 0 || found[0].Place != place {
		return nil, ErrNotFound
	}
	return entryOf(found[0]), nil
}

// ErrNotFound says that the log has no such entry, or has it no more.
var ErrNotFound = errors.New("not found")

// Len returns the number of entries. Errors: entrylog.ErrHistory with the number of those that Redis has.
func (l *Log) Len(ctx context.Context) (int, error) {
	stored, err := l.config.Redis.XLen(ctx, keyStream).Result()
	if err != nil {
		return 0, fmt.Errorf("read audit log: %w", err)
	}
	n := int(stored)
	if l.config.History == nil {
		return n, nil
	}
	before := entrylog.Place{At: math.MaxInt64}
	if oldest, err := l.read(ctx, "-", "+", true, 1); err != nil {
		return n, fmt.Errorf("read audit log: %w", err)
	} else if len(oldest) > 0 {
		before = oldest[0].Place
	}
	archived, err := l.config.History.CountEntries(ctx, Name, before)
	if err != nil {
		return n, fmt.Errorf("read audit log: %w: %w", entrylog.ErrHistory, err)
	}
	return n + archived, nil
}

// ReadEntries implements history.LogSource.
func (l *Log) ReadEntries(ctx context.Context, most int) (entries []entrylog.Entry, mark string, err error) {
	after, err := l.archived(ctx)
	if err != nil {
		return nil, "", err
	}
	if entries, err = l.read(ctx, "("+after.String(), "+", true, most); err != nil {
		return nil, "", fmt.Errorf("read audit log: %w", err)
	}
	if len(entries) > 0 {
		mark = entries[len(entries)-1].Place.String()
	}
	return entries, mark, nil
}

// archived returns the place of the last entry that the history has.
func (l *Log) archived(ctx context.Context) (entrylog.Place, error) {
	mark, err := l.config.Redis.Get(ctx, keyArchived).Result()
	if errors.Is(err, redis.Nil) {
		return entrylog.Place{}, nil
	}
	if err != nil {
		return entrylog.Place{}, fmt.Errorf("read audit log: %w", err)
	}
	return entrylog.ParsePlace(mark)
}

// MarkEntries implements history.LogSource.
func (l *Log) MarkEntries(ctx context.Context, mark string, last bool) error {
	if err := l.config.Redis.Set(ctx, keyArchived, mark, 0).Err(); err != nil {
		return fmt.Errorf("mark audit log: %w", err)
	}
	if !last {
		return nil
	}
	return l.trim(ctx, l.config.Length)
}

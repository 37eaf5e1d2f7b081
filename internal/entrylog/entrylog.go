// Package entrylog describes logs whose newest entries are in Redis and all of whose entries are in a history.
package entrylog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrHistory reports that the history does not answer. What Redis has was read.
var ErrHistory = errors.New("the history does not answer")

// Entry is an entry of a log.
type Entry struct {
	Log string // its name
	Place
	Run  string // the run that it is about; empty: none
	Text []byte // JSON
}

// Place is the position of an entry in its log. The zero Place is before all of them.
type Place struct {
	At  int64 // unix ms
	Seq int64 // tells the entries of a millisecond apart
}

// ParsePlace reads the id of an entry of a Redis stream.
func ParsePlace(id string) (p Place, err error) {
	at, seq, _ := strings.Cut(id, "-")
	if p.At, err = strconv.ParseInt(at, 10, 64); err == nil {
		p.Seq, err = strconv.ParseInt(seq, 10, 64)
	}
	if err != nil {
		return p, fmt.Errorf("read id of entry: %w", err)
	}
	return p, nil
}

// String returns the id of the entry in a Redis stream.
func (p Place) String() string {
	return strconv.FormatInt(p.At, 10) + "-" + strconv.FormatInt(p.Seq, 10)
}

// Compare returns -1 if p is before o, 1 if it is behind, and otherwise 0.
func (p Place) Compare(o Place) int {
	return cmp.Or(cmp.Compare(p.At, o.At), cmp.Compare(p.Seq, o.Seq))
}

// Range is a part of a log.
type Range struct {
	From, To int64 // unix ms, both inclusive; zero: unbounded
	Oldest   bool  // the oldest first; else the newest first
	After    Place // start behind this entry; zero: at the first
}

// History keeps the entries of logs after Redis has removed them. *history.DB implements it.
type History interface {
	// Entries returns the first entries of a range, at most a number of them. Errors are those of the database.
	Entries(ctx context.Context, log string, r Range, most int) ([]Entry, error)
	// Entry returns the newest entry of a log with a number; false: there is none.
	Entry(ctx context.Context, log string, seq int64) (Entry, bool, error)
	// CountEntries returns the number of the entries of a log before a position.
	CountEntries(ctx context.Context, log string, before Place) (int, error)
}

// chunk is the number of entries that Scan reads from the history at once.
const chunk = 500

// Scan calls each for the entries of a range in their order, until it returns false. stored does the same with what Redis
// has. history may be nil. Errors: ErrHistory, those of stored and of each.
func Scan(ctx context.Context, history History, log string, r Range, stored func(Range, func(Entry) (bool, error)) error, each func(Entry) (bool, error)) error {
	stopped := false
	follow := func(e Entry) (more bool, err error) {
		r.After = e.Place
		more, err = each(e)
		stopped = !more || err != nil
		return more, err
	}
	if history == nil {
		return stored(r, follow)
	}
	if !r.Oldest {
		if err := stored(r, follow); err != nil || stopped {
			return err
		}
		return archived(ctx, history, log, &r, follow)
	}
	away := archived(ctx, history, log, &r, follow)
	if stopped || away != nil && !errors.Is(away, ErrHistory) {
		return away
	}
	return cmp.Or(stored(r, follow), away)
}

// archived is Scan for what the history has.
func archived(ctx context.Context, history History, log string, r *Range, each func(Entry) (bool, error)) error {
	for {
		entries, err := history.Entries(ctx, log, *r, chunk)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrHistory, err)
		}
		for _, e := range entries {
			if more, err := each(e); err != nil || !more {
				return err
			}
		}
		if len(entries) < chunk {
			return nil
		}
	}
}

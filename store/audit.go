package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/entrylog"
)

const (
	// auditLength is the approximate maximum number of entries in Redis, and auditWaiting that while they wait for the history.
	auditLength  = 20_000
	auditWaiting = 100_000
	auditLog     = "audit" // its name in the history
	auditField   = "entry"
	auditChunk   = 200 // entries read in one call: the largest page
)

// Entry is one administrative action, or one impersonation. It never contains a secret or the body of a request.
type Entry struct {
	ID        string    `json:"id"`     // of the stream entry
	At        time.Time `json:"at"`     // time of writing
	Actor     string    `json:"actor"`  // who acted: "user:ann"
	Name      string    `json:"name"`   // display name of the actor
	Act       string    `json:"act"`    // "PATCH /v1/users/:name", "impersonate"
	Object    string    `json:"object"` // what was acted on: "bob"
	Status    int       `json:"status"` // of the response; 403: denied
	IP        string    `json:"ip"`
	RequestID string    `json:"request_id"`
	Message   string    `json:"message,omitempty"` // what the actor said about it: of a deployment
}

// Audit is the log of administrative actions, in order. Safe for concurrent use.
type Audit struct{ store *Store }

// Audit returns the log of administrative actions.
func (s *Store) Audit() *Audit { return &Audit{s} }

// Add writes an entry; Redis sets its ID and At.
func (a *Audit) Add(ctx context.Context, e Entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	most := int64(auditLength)
	if a.store.config.History != nil {
		most = auditWaiting
	}
	err = a.store.config.Redis.XAdd(ctx, &redis.XAddArgs{
		Stream: keyAudit, MaxLen: most, Approx: true, Values: []any{auditField, data},
	}).Err()
	if err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	return nil
}

// AuditRange is a part of the log.
type AuditRange struct {
	From, To time.Time // zero: unbounded; both inclusive, in milliseconds
	Oldest   bool      // oldest first; else newest first
}

// Scan passes the entries of a range to each, in order, until each returns false. It reads them in chunks. Errors:
// entrylog.ErrHistory when the history does not answer, after each has got the entries that Redis has.
func (a *Audit) Scan(ctx context.Context, r AuditRange, each func(*Entry) bool) error {
	within := entrylog.Range{Oldest: r.Oldest}
	if !r.From.IsZero() {
		within.From = max(1, r.From.UnixMilli())
	}
	if !r.To.IsZero() {
		within.To = max(1, r.To.UnixMilli())
	}
	err := entrylog.Scan(ctx, a.store.config.History, auditLog, within,
		func(r entrylog.Range, each func(entrylog.Entry) (bool, error)) error { return a.stored(ctx, r, each) },
		func(e entrylog.Entry) (bool, error) { return each(entryOf(e)), nil })
	if err != nil {
		return fmt.Errorf("read audit log: %w", err)
	}
	return nil
}

// stored is Scan for the entries that Redis has.
func (a *Audit) stored(ctx context.Context, r entrylog.Range, each func(entrylog.Entry) (bool, error)) error {
	first, last := "-", "+"
	if r.From != 0 {
		first = strconv.FormatInt(r.From, 10)
	}
	if r.To != 0 {
		last = strconv.FormatInt(r.To, 10)
	}
	for {
		switch {
		case r.After == entrylog.Place{}:
		case r.Oldest:
			first = "(" + r.After.String()
		default:
			last = "(" + r.After.String()
		}
		entries, err := a.read(ctx, first, last, r.Oldest, auditChunk)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if more, err := each(e); err != nil || !more {
				return err
			}
			r.After = e.Place
		}
		if len(entries) < auditChunk {
			return nil
		}
	}
}

// read returns at most a number of the entries between two ids of the stream.
func (a *Audit) read(ctx context.Context, first, last string, oldest bool, most int) ([]entrylog.Entry, error) {
	var reply *redis.XMessageSliceCmd
	if oldest {
		reply = a.store.config.Redis.XRangeN(ctx, keyAudit, first, last, int64(most))
	} else {
		reply = a.store.config.Redis.XRevRangeN(ctx, keyAudit, last, first, int64(most))
	}
	entries := make([]entrylog.Entry, len(reply.Val()))
	for i, m := range reply.Val() {
		place, err := entrylog.ParsePlace(m.ID)
		if err != nil {
			return nil, err
		}
		text, _ := m.Values[auditField].(string)
		entries[i] = entrylog.Entry{Log: auditLog, Place: place, Text: []byte(text)}
	}
	return entries, reply.Err()
}

// Len returns the number of entries. Errors: entrylog.ErrHistory with the number of those that Redis has.
func (a *Audit) Len(ctx context.Context) (int, error) {
	stored, err := a.store.config.Redis.XLen(ctx, keyAudit).Result()
	if err != nil {
		return 0, fmt.Errorf("read audit log: %w", err)
	}
	n := int(stored)
	if a.store.config.History == nil {
		return n, nil
	}
	before := entrylog.Place{At: math.MaxInt64}
	if oldest, err := a.read(ctx, "-", "+", true, 1); err != nil {
		return n, fmt.Errorf("read audit log: %w", err)
	} else if len(oldest) > 0 {
		before = oldest[0].Place
	}
	archived, err := a.store.config.History.CountEntries(ctx, auditLog, before)
	if err != nil {
		return n, fmt.Errorf("read audit log: %w: %w", entrylog.ErrHistory, err)
	}
	return n + archived, nil
}

// ReadEntries implements history.LogSource.
func (a *Audit) ReadEntries(ctx context.Context, most int) (entries []entrylog.Entry, mark string, err error) {
	after, err := a.store.config.Redis.Get(ctx, keyAuditArchived).Result()
	if errors.Is(err, redis.Nil) {
		after, err = "0-0", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read audit log: %w", err)
	}
	if entries, err = a.read(ctx, "("+after, "+", true, most); err != nil {
		return nil, "", fmt.Errorf("read audit log: %w", err)
	}
	if len(entries) > 0 {
		mark = entries[len(entries)-1].Place.String()
	}
	return entries, mark, nil
}

// MarkEntries implements history.LogSource.
func (a *Audit) MarkEntries(ctx context.Context, mark string, last bool) error {
	err := a.store.config.Redis.Set(ctx, keyAuditArchived, mark, 0).Err()
	if err == nil && last {
		err = a.store.config.Redis.XTrimMaxLenApprox(ctx, keyAudit, auditLength, 0).Err()
	}
	if err != nil {
		return fmt.Errorf("mark audit log: %w", err)
	}
	return nil
}

func entryOf(stored entrylog.Entry) *Entry {
	e := &Entry{}
	if err := json.Unmarshal(stored.Text, e); err != nil {
		e.Act = "unreadable" // shows that an entry exists
	}
	e.ID, e.At = stored.Place.String(), time.UnixMilli(stored.At).UTC()
	return e
}

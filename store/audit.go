package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// auditLength is how many entries are kept, about.
	auditLength = 20_000
	auditField  = "entry"
	auditChunk  = 200 // entries read in one call: the largest page
)

// Entry is one administrative act, or one impersonation. It never holds a
// secret, nor the body of a request.
type Entry struct {
	ID        string    `json:"id"`     // of its place in the log
	At        time.Time `json:"at"`     // when it was written
	Actor     string    `json:"actor"`  // who did it: "user:ann"
	Name      string    `json:"name"`   // of the actor, for people
	Act       string    `json:"act"`    // what: "PATCH /v1/users/:name", "impersonate"
	Object    string    `json:"object"` // to what: "bob"
	Status    int       `json:"status"` // what was answered; 403: it was tried
	IP        string    `json:"ip"`
	RequestID string    `json:"request_id"`
}

// Audit is the log of what administrators did, kept in order. Safe for
// concurrent use.
type Audit struct{ store *Store }

// Audit is the log of what administrators did.
func (s *Store) Audit() *Audit { return &Audit{s} }

// Add writes an entry; its ID and At are set by Redis.
func (a *Audit) Add(ctx context.Context, e Entry) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	err = a.store.config.Redis.XAdd(ctx, &redis.XAddArgs{
		Stream: keyAudit, MaxLen: auditLength, Approx: true, Values: []any{auditField, data},
	}).Err()
	if err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	return nil
}

// AuditRange is a part of the log.
type AuditRange struct {
	From, To time.Time // zero: from its beginning, to its end; both count, to the millisecond
	Oldest   bool      // the oldest first; else the newest
}

// Scan hands the entries of a part of the log on, in order, until each says
// false. It reads them a chunk at a time.
func (a *Audit) Scan(ctx context.Context, r AuditRange, each func(*Entry) bool) error {
	first, last := "-", "+"
	if !r.From.IsZero() {
		first = streamID(r.From)
	}
	if !r.To.IsZero() {
		last = streamID(r.To)
	}
	for {
		messages, err := a.read(ctx, first, last, r.Oldest)
		if err != nil {
			return fmt.Errorf("read audit log: %w", err)
		}
		for _, m := range messages {
			if e := entryOf(m); !each(&e) {
				return nil
			}
		}
		if len(messages) < auditChunk {
			return nil
		}
		after := "(" + messages[len(messages)-1].ID
		if r.Oldest {
			first = after
		} else {
			last = after
		}
	}
}

func (a *Audit) read(ctx context.Context, first, last string, oldest bool) ([]redis.XMessage, error) {
	if oldest {
		return a.store.config.Redis.XRangeN(ctx, keyAudit, first, last, auditChunk).Result()
	}
	return a.store.config.Redis.XRevRangeN(ctx, keyAudit, last, first, auditChunk).Result()
}

// streamID is that of whatever was written at a moment. What was before 1970
// is older than any log.
func streamID(t time.Time) string { return strconv.FormatInt(max(0, t.UnixMilli()), 10) }

// Len is how many entries the log has.
func (a *Audit) Len(ctx context.Context) (int, error) {
	n, err := a.store.config.Redis.XLen(ctx, keyAudit).Result()
	if err != nil {
		return 0, fmt.Errorf("read audit log: %w", err)
	}
	return int(n), nil
}

func entryOf(m redis.XMessage) Entry {
	var e Entry
	text, _ := m.Values[auditField].(string)
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		e.Act = "unreadable" // it is shown that something was there
	}
	e.ID = m.ID
	var ms int64
	if _, err := fmt.Sscanf(m.ID, "%d-", &ms); err == nil {
		e.At = time.UnixMilli(ms).UTC()
	}
	return e
}

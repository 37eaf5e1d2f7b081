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
	// auditLength is the approximate maximum number of entries.
	auditLength = 20_000
	auditField  = "entry"
	auditChunk  = 200 // entries read in one call: the largest page
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
	From, To time.Time // zero: unbounded; both inclusive, in milliseconds
	Oldest   bool      // oldest first; else newest first
}

// Scan passes the entries of a range to each, in order, until each returns false. It reads them in chunks.
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

// streamID returns the smallest stream id of a time. Times before 1970 are before any log.
func streamID(t time.Time) string { return strconv.FormatInt(max(0, t.UnixMilli()), 10) }

// Len returns the number of entries.
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
		e.Act = "unreadable" // shows that an entry exists
	}
	e.ID = m.ID
	var ms int64
	if _, err := fmt.Sscanf(m.ID, "%d-", &ms); err == nil {
		e.At = time.UnixMilli(ms).UTC()
	}
	return e
}

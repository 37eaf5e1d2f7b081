package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// auditLength is how many entries are kept, about.
	auditLength = 20_000
	auditField  = "entry"
	auditChunk  = 1000 // entries read in one call
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

// List returns all entries, the newest first.
func (a *Audit) List(ctx context.Context) ([]Entry, error) {
	var all []Entry
	for until := "+"; ; {
		messages, err := a.store.config.Redis.XRevRangeN(ctx, keyAudit, until, "-", auditChunk).Result()
		if err != nil {
			return nil, fmt.Errorf("read audit log: %w", err)
		}
		for _, m := range messages {
			all = append(all, entryOf(m))
			until = "(" + m.ID
		}
		if len(messages) < auditChunk {
			return all, nil
		}
	}
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

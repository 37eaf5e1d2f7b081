package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrExists reports that a record of that name exists.
var ErrExists = errors.New("exists already")

// CredentialState is the state common to users and clients.
type CredentialState struct {
	// Epoch is random and changes when all tokens issued so far must become invalid: a token contains the epoch of
	// its principal. One write revokes them all. An edit that empties Epoch revokes them in any case.
	Epoch     string    `json:"epoch"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (l *CredentialState) state() *CredentialState { return l }

// principalRecord is a stored principal to whom tokens are issued.
type principalRecord[T any] interface {
	*T
	principalMethods[T]
}

// principalMethods are the methods of a principalRecord.
type principalMethods[T any] interface {
	state() *CredentialState
	name() string
	validate() error
	admit(v *snapshot, old *T) error // whether the content of the store allows the record; old is nil for a new one
	keepsTokens(old *T) bool         // whether tokens issued to old stay valid
}

// principalRecords gives access to all principals of one kind, in memory and in one Redis hash.
type principalRecords[T any, P principalRecord[T]] struct {
	store     *Store
	kind      PrincipalKind // also the kind of the records
	recordsIn func(*snapshot) map[string]*T
}

func (h principalRecords[T, P]) find(ctx context.Context, name string) (*T, error) {
	v, err := h.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	if found, ok := h.recordsIn(v)[name]; ok {
		return found, nil
	}
	return nil, ErrNotFound
}

// list returns all of them by name.
func (h principalRecords[T, P]) list(ctx context.Context) ([]*T, error) {
	v, err := h.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	all := h.recordsIn(v)
	var out []*T
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[name])
	}
	return out, nil
}

func (h principalRecords[T, P]) create(ctx context.Context, made T) (*T, error) {
	p := P(&made)
	if err := p.validate(); err != nil {
		return nil, fmt.Errorf("create %s: %w", h.kind, err)
	}
	now := time.Now().UTC()
	*p.state() = CredentialState{Epoch: newEpoch(), CreatedAt: now, UpdatedAt: now}
	err := h.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		err := p.admit(v, nil)
		if err == nil {
			err = checkNewName(ctx, tx, h.kind.records().hash(), "name", p.name(), false)
		}
		return h.write(ctx, &made), err
	})
	if err != nil {
		return nil, fmt.Errorf("create %s %s: %w", h.kind, p.name(), err)
	}
	return &made, nil
}

// updateDeployment edits a copy and stores it. The name cannot change.
func (h principalRecords[T, P]) change(ctx context.Context, name string, edit func(*T) error) (*T, error) {
	var changed *T
	err := h.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		old, err := h.read(ctx, tx, name)
		if err != nil {
			return nil, err
		}
		next, err := h.read(ctx, tx, name) // an independent copy
		if err == nil {
			err = edit(next)
		}
		p := P(next)
		if err == nil {
			err = p.validate()
		}
		if err == nil {
			err = p.admit(v, old)
		}
		if err != nil {
			return nil, err
		}
		p.state().UpdatedAt = time.Now().UTC()
		if !p.keepsTokens(old) || p.state().Epoch == "" {
			p.state().Epoch = newEpoch()
		}
		changed = next
		return h.write(ctx, next), nil
	})
	if err != nil {
		return nil, fmt.Errorf("change %s %s: %w", h.kind, name, err)
	}
	return changed, nil
}

// remove deletes a record. also, if there is one, adds the writes that go with it.
func (h principalRecords[T, P]) remove(ctx context.Context, name string, also func(*snapshot, *transactionWrites)) error {
	err := h.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		found, err := tx.HExists(ctx, h.kind.records().hash(), name).Result()
		if err == nil && !found {
			err = ErrNotFound
		}
		return func(w *transactionWrites) {
			h.erase(ctx, w, name)
			if also != nil {
				also(v, w)
			}
		}, err
	})
	if err != nil {
		return fmt.Errorf("delete %s: %w", h.kind, err)
	}
	return nil
}

// erase adds the writes that delete a record and revoke its tokens.
func (h principalRecords[T, P]) erase(ctx context.Context, w *transactionWrites, name string) {
	w.delete(ctx, h.kind.records(), name)
	w.HDel(ctx, keyEpochs, h.kind.of(name))
}

func (h principalRecords[T, P]) read(ctx context.Context, tx *redis.Tx, name string) (*T, error) {
	data, err := tx.HGet(ctx, h.kind.records().hash(), name).Result()
	if errors.Is(err, redis.Nil) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	found := new(T)
	if err := json.Unmarshal([]byte(data), found); err != nil {
		return nil, fmt.Errorf("read record of %s %s: %w", h.kind, name, err)
	}
	return found, nil
}

func (h principalRecords[T, P]) write(ctx context.Context, record *T) func(*transactionWrites) {
	data, _ := json.Marshal(record) // of texts, numbers and times: cannot fail
	p := P(record)
	return func(w *transactionWrites) {
		w.set(ctx, h.kind.records(), p.name(), data)
		w.HSet(ctx, keyEpochs, h.kind.of(p.name()), p.state().Epoch)
	}
}

// load decodes all records of one kind. Records that cannot be decoded are logged and skipped.
func (h principalRecords[T, P]) load(records map[string]string) map[string]*T {
	all := make(map[string]*T, len(records))
	for name, data := range records {
		found := new(T)
		if err := json.Unmarshal([]byte(data), found); err != nil {
			h.store.config.Log.Error("a record cannot be read", string(h.kind), name, "error", err)
			continue
		}
		all[name] = found
	}
	return all
}

// PrincipalKind is a kind of principal to whom tokens are issued.
type PrincipalKind string

// The kinds of principals. They are stored with tokens.
const (
	PrincipalUser   PrincipalKind = "user"
	PrincipalClient PrincipalKind = "client"
	PrincipalKey    PrincipalKind = "key"
)

// records returns the record kind of the principals.
func (h PrincipalKind) records() kind { return kind(h) }

// of returns the id of one principal: "user:<name>".
func (h PrincipalKind) of(name string) string { return string(h) + ":" + name }

func newEpoch() string { return rand.Text() }

package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
)

// vault stores records that are sealed as a whole: an attacker who can write to Redis cannot change the target of a
// credential. Opened records are cached until they change. Safe for concurrent use.
type vault[T any] struct {
	store  *Store
	kind   kind // a sealed record is bound to its kind and name
	opened recordCache[T]
}

// find returns a record, at most a second old. It is shared.
func (v *vault[T]) find(ctx context.Context, name string) (*T, error) {
	if _, err := v.store.fresh(ctx); err != nil {
		return nil, err
	}
	record, generation := v.opened.find(name)
	if record != nil {
		return record, nil
	}
	sealed, err := v.store.config.Redis.HGet(ctx, v.kind.hash(), name).Result()
	if errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("%s %q: %w", v.kind, name, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", v.kind, err)
	}
	if record, err = v.open(name, sealed); err != nil {
		v.store.unopened.add(v.kind.of(name), err)
		return nil, err
	}
	v.opened.keep(name, record, generation)
	return record, nil
}

func (v *vault[T]) open(name, sealed string) (*T, error) {
	plain, err := v.store.config.Sealer.Open(v.kind.of(name), sealed)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", v.kind, name, err)
	}
	record := new(T)
	if json.Unmarshal([]byte(plain), record) != nil { // the error may quote the plaintext
		return nil, fmt.Errorf("%s %q: its record cannot be read", v.kind, name)
	}
	return record, nil
}

// all opens every record, by name. Records that cannot be opened are skipped.
func (v *vault[T]) all(ctx context.Context) ([]*T, error) {
	records, err := v.store.config.Redis.HGetAll(ctx, v.kind.hash()).Result()
	if err != nil {
		return nil, fmt.Errorf("read %ss: %w", v.kind, err)
	}
	names := make([]string, 0, len(records))
	for name := range records {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []*T
	for _, name := range names {
		record, err := v.open(name, records[name])
		if err != nil {
			v.store.config.Log.Error("a record cannot be used", "kind", string(v.kind), "name", name, "error", err)
			continue
		}
		all = append(all, record)
	}
	return all, nil
}

// NameRule describes the names of connections, secrets and variables, for messages.
const NameRule = flows.NameRule

// ValidName reports whether a connection, secret or variable can have the name.
func ValidName(name string) bool { return flows.ValidName(name) }

func (v *vault[T]) put(ctx context.Context, name string, record *T) error {
	if !ValidName(name) {
		return fmt.Errorf("put %s: %w", v.kind, &InvalidError{"name", "must be " + NameRule})
	}
	plain, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("put %s %q: %w", v.kind, name, err)
	}
	err = v.store.update(ctx, func(tx *redis.Tx, current *snapshot) (func(*transactionWrites), error) {
		if err := checkNewName(ctx, tx, v.kind.hash(), "name", name, true); err != nil {
			return nil, err
		}
		sealed, err := v.store.seal(current, v.kind.of(name), string(plain))
		return func(w *transactionWrites) { w.set(ctx, v.kind, name, sealed) }, err
	})
	if err != nil {
		return fmt.Errorf("put %s %q: %w", v.kind, name, err)
	}
	return nil
}

func (v *vault[T]) remove(ctx context.Context, name string) error {
	err := v.store.update(ctx, func(tx *redis.Tx, _ *snapshot) (func(*transactionWrites), error) {
		found, err := tx.HExists(ctx, v.kind.hash(), name).Result()
		if err == nil && !found {
			err = ErrNotFound
		}
		return func(w *transactionWrites) { w.delete(ctx, v.kind, name) }, err
	})
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", v.kind, name, err)
	}
	return nil
}

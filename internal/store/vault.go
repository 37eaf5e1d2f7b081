package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// vault is a hash of records that are sealed as a whole: whoever can write to
// Redis cannot change whom a credential is sent to. What was opened stays in
// memory until the store changes. Safe for concurrent use.
type vault[T any] struct {
	store *Store
	key   string // of the hash
	kind  string // "connection": a record opens as one of its kind and name only

	mu     sync.Mutex // guards what follows
	rev    int64      // of the store that opened belongs to
	opened map[string]*T
}

// find returns the record as it was less than a second ago. It is shared.
func (v *vault[T]) find(ctx context.Context, name string) (*T, error) {
	current, err := v.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	if record := v.known(current.rev, name); record != nil {
		return record, nil
	}
	sealed, err := v.store.config.Redis.HGet(ctx, v.key, name).Result()
	if errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("%s %q: %w", v.kind, name, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", v.kind, err)
	}
	record, err := v.open(name, sealed)
	if err != nil {
		return nil, err
	}
	v.keep(current.rev, name, record)
	return record, nil
}

func (v *vault[T]) known(rev int64, name string) *T {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rev != rev {
		return nil
	}
	return v.opened[name]
}

// keep remembers a record that was read at rev or later: at worst it is read
// once more.
func (v *vault[T]) keep(rev int64, name string, record *T) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rev != rev || v.opened == nil {
		v.rev, v.opened = rev, map[string]*T{}
	}
	v.opened[name] = record
}

func (v *vault[T]) open(name, sealed string) (*T, error) {
	plain, err := v.store.config.Sealer.Open(v.kind+"/"+name, sealed)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", v.kind, name, err)
	}
	record := new(T)
	if json.Unmarshal([]byte(plain), record) != nil { // its error may quote what it read
		return nil, fmt.Errorf("%s %q: its record cannot be read", v.kind, name)
	}
	return record, nil
}

// all opens every record, by name. Those that do not open are left out.
func (v *vault[T]) all(ctx context.Context) ([]*T, error) {
	records, err := v.store.config.Redis.HGetAll(ctx, v.key).Result()
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
			v.store.config.Log.Error("a record cannot be used", "kind", v.kind, "name", name, "error", err)
			continue
		}
		all = append(all, record)
	}
	return all, nil
}

var vaultName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)

func (v *vault[T]) put(ctx context.Context, name string, record *T) error {
	if !vaultName.MatchString(name) {
		return fmt.Errorf("put %s: a name is 1 to 64 letters, digits, '_', '.' or '-', a letter first", v.kind)
	}
	plain, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("put %s %q: %w", v.kind, name, err)
	}
	sealed := v.store.config.Sealer.Seal(v.kind+"/"+name, string(plain))
	err = v.store.apply(ctx, func(*redis.Tx) (func(redis.Pipeliner), error) {
		return func(p redis.Pipeliner) { p.HSet(ctx, v.key, name, sealed) }, nil
	})
	if err != nil {
		return fmt.Errorf("put %s %q: %w", v.kind, name, err)
	}
	return nil
}

func (v *vault[T]) remove(ctx context.Context, name string) error {
	err := v.store.apply(ctx, func(tx *redis.Tx) (func(redis.Pipeliner), error) {
		found, err := tx.HExists(ctx, v.key, name).Result()
		if err == nil && !found {
			err = ErrNotFound
		}
		return func(p redis.Pipeliner) { p.HDel(ctx, v.key, name) }, err
	})
	if err != nil {
		return fmt.Errorf("delete %s %q: %w", v.kind, name, err)
	}
	return nil
}

// reseal seals again, under the current master key, what older ones sealed.
func (v *vault[T]) reseal(ctx context.Context) (changed int, err error) {
	sealer := v.store.config.Sealer
	err = v.store.apply(ctx, func(tx *redis.Tx) (func(redis.Pipeliner), error) {
		records, err := tx.HGetAll(ctx, v.key).Result()
		if err != nil {
			return nil, err
		}
		resealed := map[string]any{}
		for name, sealed := range records {
			if !sealer.Stale(sealed) {
				continue
			}
			plain, err := sealer.Open(v.kind+"/"+name, sealed)
			if err != nil {
				return nil, fmt.Errorf("%s %q: %w", v.kind, name, err)
			}
			resealed[name] = sealer.Seal(v.kind+"/"+name, plain)
		}
		if changed = len(resealed); changed == 0 {
			return nil, nil
		}
		return func(p redis.Pipeliner) { p.HSet(ctx, v.key, resealed) }, nil
	})
	if err != nil {
		return 0, fmt.Errorf("reseal %ss: %w", v.kind, err)
	}
	return changed, nil
}

package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Keys are the API keys. Safe for concurrent use.
type Keys struct{ store *Store }

// Key returns an API key as it was less than a second ago, from memory as a
// rule. It returns ErrNotFound for an unknown key, and another error when
// Redis does not answer or the record's secret cannot be opened.
func (ks *Keys) Key(ctx context.Context, key string) (*Key, error) {
	v, err := ks.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	entry, ok := v.keys[key]
	if !ok {
		return nil, ErrNotFound
	}
	return entry.key, entry.err
}

// List returns all API keys that can be opened, by name, then key.
func (ks *Keys) List(ctx context.Context) ([]*Key, error) {
	v, err := ks.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	var all []*Key
	for _, entry := range v.keys {
		if entry.err == nil {
			all = append(all, entry.key)
		}
	}
	slices.SortFunc(all, func(a, b *Key) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
	})
	return all, nil
}

// Unopened counts the API keys, and those of them that were sealed under a
// master key which is not ours.
func (ks *Keys) Unopened(ctx context.Context) (unopened, all int, err error) {
	v, err := ks.store.fresh(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, entry := range v.keys {
		if entry.err != nil {
			unopened++
		}
	}
	return unopened, len(v.keys), nil
}

// Put creates the key or replaces it, and returns it with what was filled in.
func (ks *Keys) Put(ctx context.Context, key Key) (*Key, error) {
	if err := key.validate(); err != nil {
		return nil, fmt.Errorf("put key: %w", err)
	}
	key.Epoch = newEpoch()
	err := ks.store.apply(ctx, func(*redis.Tx) (func(redis.Pipeliner), error) {
		return ks.store.writeKey(ctx, &key), nil
	})
	if err != nil {
		return nil, fmt.Errorf("put key %s: %w", key.Key, err)
	}
	return &key, nil
}

// Create stores a new key and returns it with what was filled in; ErrExists,
// and *InvalidError.
func (ks *Keys) Create(ctx context.Context, key Key) (*Key, error) {
	if err := key.validate(); err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	key.Epoch = newEpoch()
	err := ks.store.apply(ctx, func(tx *redis.Tx) (func(redis.Pipeliner), error) {
		taken, err := tx.HExists(ctx, keyAPIKeys, key.Key).Result()
		if err == nil && taken {
			err = ErrExists
		}
		return ks.store.writeKey(ctx, &key), err
	})
	if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	return &key, nil
}

// Change edits a key; ErrNotFound, and *InvalidError. Edit may be called more
// than once. Tokens issued to the key die unless it may do as much as before.
func (ks *Keys) Change(ctx context.Context, key string, edit func(*Key) error) (*Key, error) {
	var changed *Key
	err := ks.store.apply(ctx, func(tx *redis.Tx) (func(redis.Pipeliner), error) {
		old, err := ks.store.readKey(ctx, tx, key)
		if err != nil {
			return nil, err
		}
		next := *old
		if err := edit(&next); err != nil {
			return nil, err
		}
		next.Key = key
		if err := next.validate(); err != nil {
			return nil, err
		}
		if !next.outlives(old) {
			next.Epoch = newEpoch()
		}
		changed = &next
		return ks.store.writeKey(ctx, changed), nil
	})
	if err != nil {
		return nil, fmt.Errorf("change key: %w", err)
	}
	return changed, nil
}

// Delete removes the key; ErrNotFound when there is none.
func (ks *Keys) Delete(ctx context.Context, key string) error {
	err := ks.store.apply(ctx, func(tx *redis.Tx) (func(redis.Pipeliner), error) {
		found, err := tx.HExists(ctx, keyAPIKeys, key).Result()
		if err == nil && !found {
			err = ErrNotFound
		}
		return func(p redis.Pipeliner) {
			p.HDel(ctx, keyAPIKeys, key)
			p.HDel(ctx, keyEpochs, HolderKey.of(key))
		}, err
	})
	if err != nil {
		return fmt.Errorf("delete key: %w", err)
	}
	return nil
}

// Rotate gives the key a new secret and returns it; the old one counts for
// the overlap (zero: not any more), so that callers can change over.
func (ks *Keys) Rotate(ctx context.Context, key string, overlap time.Duration) (*Key, error) {
	var rotated *Key
	secret := newSecret()
	err := ks.store.apply(ctx, func(tx *redis.Tx) (func(redis.Pipeliner), error) {
		old, err := ks.store.readKey(ctx, tx, key)
		if err != nil {
			return nil, err
		}
		old.Previous, old.PreviousUntil = old.Secret, time.Now().Add(overlap).UTC()
		if overlap <= 0 {
			old.Previous, old.PreviousUntil = "", time.Time{}
			old.Epoch = newEpoch() // as nothing signed with it counts, no token got with it does
		}
		old.Secret, rotated = secret, old
		return ks.store.writeKey(ctx, old), nil
	})
	if err != nil {
		return nil, fmt.Errorf("rotate key: %w", err)
	}
	return rotated, nil
}

// Reseal seals again, under the current master key, what older ones sealed.
// It returns how many records it changed.
func (ks *Keys) Reseal(ctx context.Context) (int, error) {
	changed := 0
	err := ks.store.apply(ctx, func(tx *redis.Tx) (func(redis.Pipeliner), error) {
		records, err := tx.HGetAll(ctx, keyAPIKeys).Result()
		if err != nil {
			return nil, err
		}
		resealed := map[string]any{}
		for name, data := range records {
			key, stale, err := ks.store.openKey(name, data)
			if err != nil {
				return nil, fmt.Errorf("key %s: %w", name, err)
			}
			if stale {
				resealed[name] = ks.store.sealKey(key)
			}
		}
		if changed = len(resealed); changed == 0 {
			return nil, nil
		}
		return func(p redis.Pipeliner) { p.HSet(ctx, keyAPIKeys, resealed) }, nil
	})
	if err != nil {
		return 0, fmt.Errorf("reseal keys: %w", err)
	}
	return changed, nil
}

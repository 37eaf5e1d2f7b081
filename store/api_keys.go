package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Keys gives access to the API keys. Safe for concurrent use.
type Keys struct{ store *Store }

// Key returns an API key, at most a second old, from memory after its first use. It returns ErrNotFound for an
// unknown key, and another error when Redis does not answer or the secret cannot be opened.
func (ks *Keys) Key(ctx context.Context, key string) (*Key, error) {
	s := ks.store
	if _, err := s.fresh(ctx); err != nil {
		return nil, err
	}
	found, generation := s.keys.find(key)
	if found != nil {
		return found, nil
	}
	// Unknown keys are cached like known ones, so that the time of a rejection does not show which keys exist.
	absent, absentGeneration := s.absentKeys.find(key)
	if absent != nil {
		return nil, ErrNotFound
	}
	found, err := s.readKey(ctx, s.config.Redis, key)
	switch {
	case errors.Is(err, ErrNotFound):
		s.absentKeys.keep(key, &struct{}{}, absentGeneration)
		return nil, ErrNotFound
	case err != nil:
		s.unopened.add(kindKey.of(key), err)
		return nil, fmt.Errorf("read key: %w", err)
	}
	s.keys.keep(key, found, generation)
	return found, nil
}

// List returns all API keys that can be opened, by name, then key.
func (ks *Keys) List(ctx context.Context) ([]*Key, error) {
	var all []*Key
	err := ks.each(ctx, func(k *Key, err error) {
		if err == nil {
			all = append(all, k)
		}
	})
	slices.SortFunc(all, func(a, b *Key) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
	})
	return all, err
}

// Len returns the number of API keys.
func (ks *Keys) Len(ctx context.Context) (int, error) {
	n, err := ks.store.config.Redis.HLen(ctx, keyAPIKeys).Result()
	if err != nil {
		return 0, fmt.Errorf("count keys: %w", err)
	}
	return int(n), nil
}

// Unopened counts the API keys, and those of them that cannot be opened.
func (ks *Keys) Unopened(ctx context.Context) (unopened, all int, err error) {
	err = ks.each(ctx, func(_ *Key, err error) {
		all++
		if err != nil {
			unopened++
		}
	})
	return unopened, all, err
}

// each calls do with all keys, or with the error of opening one.
func (ks *Keys) each(ctx context.Context, do func(*Key, error)) error {
	return ks.store.scan(ctx, kindKey, func(name, data string) { do(ks.store.openKey(name, data)) })
}

// Put creates or replaces the key, and returns it with its defaults.
func (ks *Keys) Put(ctx context.Context, key Key) (*Key, error) {
	if err := key.validate(); err != nil {
		return nil, fmt.Errorf("put key: %w", err)
	}
	key.Epoch = newEpoch()
	err := ks.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		if err := checkNewName(ctx, tx, keyAPIKeys, "key", key.Key, true); err != nil {
			return nil, err
		}
		return ks.store.writeKey(ctx, v, &key)
	})
	if err != nil {
		return nil, fmt.Errorf("put key %s: %w", key.Key, err)
	}
	return &key, nil
}

// PutAll creates or replaces keys in one transaction, for up to a thousand keys.
func (ks *Keys) PutAll(ctx context.Context, keys []Key) error {
	for i := range keys {
		if err := keys[i].validate(); err != nil {
			return fmt.Errorf("put keys: %w", err)
		}
		keys[i].Epoch = newEpoch()
	}
	err := ks.store.update(ctx, func(_ *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		all := make([]func(*transactionWrites), len(keys))
		for i := range keys {
			var err error
			if all[i], err = ks.store.writeKey(ctx, v, &keys[i]); err != nil {
				return nil, err
			}
		}
		return func(w *transactionWrites) {
			for _, write := range all {
				write(w)
			}
		}, nil
	})
	if err != nil {
		return fmt.Errorf("put keys: %w", err)
	}
	return nil
}

// Create stores a new key and returns it with its defaults. Errors: ErrExists, *InvalidError.
func (ks *Keys) Create(ctx context.Context, key Key) (*Key, error) {
	if err := key.validate(); err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	key.Epoch = newEpoch()
	err := ks.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		if err := checkNewName(ctx, tx, keyAPIKeys, "key", key.Key, false); err != nil {
			return nil, err
		}
		return ks.store.writeKey(ctx, v, &key)
	})
	if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	return &key, nil
}

// Change edits a key. edit may be called more than once. Tokens issued to the key are revoked unless it keeps all its
// rights. Errors: ErrNotFound, *InvalidError.
func (ks *Keys) Change(ctx context.Context, key string, edit func(*Key) error) (*Key, error) {
	var changed *Key
	err := ks.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
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
		if !next.keepsTokens(old) {
			next.Epoch = newEpoch()
		}
		changed = &next
		return ks.store.writeKey(ctx, v, changed)
	})
	if err != nil {
		return nil, fmt.Errorf("change key: %w", err)
	}
	return changed, nil
}

// Delete removes the key. Error: ErrNotFound.
func (ks *Keys) Delete(ctx context.Context, key string) error {
	err := ks.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		found, err := tx.HExists(ctx, keyAPIKeys, key).Result()
		if err == nil && !found {
			err = ErrNotFound
		}
		return func(w *transactionWrites) {
			w.delete(ctx, kindKey, key)
			w.HDel(ctx, keyEpochs, PrincipalKey.of(key))
			w.forgetGrants(ctx, v, PrincipalKey.of(key))
		}, err
	})
	if err != nil {
		return fmt.Errorf("delete key: %w", err)
	}
	return nil
}

// RotationError reports that the last rotation of a key has not ended.
type RotationError struct{ Until time.Time } // when its old secret ends

func (e *RotationError) Error() string {
	return "the secret before the last rotation counts until " + e.Until.UTC().Format(time.RFC3339) +
		", and another rotation would end it now: end it first, or rotate without an overlap, which ends both"
}

// Rotate gives the key a new secret and returns it. The old secret stays valid for overlap (zero: not at all), so
// that callers can switch. While the old secret of the last rotation counts, only one without overlap is possible, as the
// callers who still use it would be shut out unseen: a *RotationError.
func (ks *Keys) Rotate(ctx context.Context, key string, overlap time.Duration) (*Key, error) {
	var rotated *Key
	secret := newSecret()
	err := ks.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		old, err := ks.store.readKey(ctx, tx, key)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if _, previous := old.Secrets(now); previous != "" && overlap > 0 {
			return nil, &RotationError{old.PreviousUntil}
		}
		old.Previous, old.PreviousUntil = old.Secret, now.Add(overlap).UTC()
		if overlap <= 0 {
			old.Previous, old.PreviousUntil = "", time.Time{}
			old.Epoch = newEpoch() // the old secret is invalid, and so are the tokens obtained with it
		}
		old.Secret, rotated = secret, old
		return ks.store.writeKey(ctx, v, old)
	})
	if err != nil {
		return nil, fmt.Errorf("rotate key: %w", err)
	}
	return rotated, nil
}

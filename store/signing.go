package store

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// SigningKey signs the assertions of clients with Ed25519.
type SigningKey struct {
	ID        string // the kid of a JWT's header
	CreatedAt time.Time
	Private   ed25519.PrivateKey
}

// LogValue keeps the key out of logs.
func (k SigningKey) LogValue() slog.Value { return slog.StringValue(k.ID) }

// signingRecord is the stored form of a signing key.
type signingRecord struct {
	CreatedAt time.Time `json:"created_at"`
	Seed      string    `json:"seed"` // sealed
}

// SigningKeys sign and verify assertions: the newest key signs, all keys verify. Safe for concurrent use.
type SigningKeys struct{ store *Store }

// SigningKeys gives access to the signing keys.
func (s *Store) SigningKeys() *SigningKeys { return &SigningKeys{s} }

// Current returns the key that signs. The first call of an installation creates it.
func (sk *SigningKeys) Current(ctx context.Context) (*SigningKey, error) {
	all, err := sk.List(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) > 0 {
		return all[0], nil
	}
	return sk.add(ctx, true)
}

// Find returns a key by its id; ErrNotFound.
func (sk *SigningKeys) Find(ctx context.Context, id string) (*SigningKey, error) {
	v, err := sk.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	if k, ok := v.signing[id]; ok {
		return k, nil
	}
	return nil, ErrNotFound
}

// List returns all keys, the newest first.
func (sk *SigningKeys) List(ctx context.Context) ([]*SigningKey, error) {
	v, err := sk.store.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(v.signing), func(a, b *SigningKey) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	}), nil
}

// Rotate creates a new key, which signs from now on. Signatures of older keys stay valid until these are deleted.
func (sk *SigningKeys) Rotate(ctx context.Context) (*SigningKey, error) { return sk.add(ctx, false) }

// Delete removes a key and invalidates its signatures. Error: ErrNotFound.
func (sk *SigningKeys) Delete(ctx context.Context, id string) error {
	err := sk.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		found, err := tx.HExists(ctx, keySigning, id).Result()
		if err == nil && !found {
			err = ErrNotFound
		}
		return func(w *transactionWrites) { w.delete(ctx, kindSigning, id) }, err
	})
	if err != nil {
		return fmt.Errorf("delete signing key: %w", err)
	}
	return nil
}

// add stores a new key. With onlyFirst it returns the existing key when another process was faster.
func (sk *SigningKeys) add(ctx context.Context, onlyFirst bool) (*SigningKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make signing key: %w", err)
	}
	made := &SigningKey{ID: strings.ToLower(rand.Text()[:12]), CreatedAt: time.Now().UTC(), Private: private}
	err = sk.store.update(ctx, func(tx *redis.Tx, v *snapshot) (func(*transactionWrites), error) {
		n, err := tx.HLen(ctx, keySigning).Result()
		if err != nil || onlyFirst && n > 0 {
			return nil, err
		}
		record, err := sk.store.sealSigning(v, made)
		return func(w *transactionWrites) { w.set(ctx, kindSigning, made.ID, record) }, err
	})
	if err == nil && onlyFirst {
		if err = sk.store.refresh(ctx, time.Now()); err == nil {
			var all []*SigningKey
			if all, err = sk.List(ctx); err == nil && len(all) > 0 {
				return all[0], nil
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store signing key: %w", err)
	}
	return made, nil
}

func (s *Store) sealSigning(v *snapshot, k *SigningKey) (string, error) {
	sealed, err := s.seal(v, kindSigning.of(k.ID), base64.StdEncoding.EncodeToString(k.Private.Seed()))
	if err != nil {
		return "", err
	}
	data, _ := json.Marshal(signingRecord{k.CreatedAt, sealed}) // of texts: cannot fail
	return string(data), nil
}

func (s *Store) openSigning(id, data string) (*SigningKey, error) {
	var r signingRecord
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		return nil, fmt.Errorf("read signing key %s: %w", id, err)
	}
	text, err := s.config.Sealer.Open(kindSigning.of(id), r.Seed)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", id, err)
	}
	seed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("signing key " + id + ": not a seed")
	}
	return &SigningKey{id, r.CreatedAt, ed25519.NewKeyFromSeed(seed)}, nil
}

// loadSigning decodes the signing keys that can be opened.
func (s *Store) loadSigning(records map[string]string) map[string]*SigningKey {
	all := make(map[string]*SigningKey, len(records))
	for id, data := range records {
		k, err := s.openSigning(id, data)
		if err != nil {
			s.config.Log.Error("a signing key cannot be used", "kid", id, "error", err)
			continue
		}
		all[id] = k
	}
	return all
}

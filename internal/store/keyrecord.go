package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// keyRecord is how a key is stored.
type keyRecord struct {
	Name          string    `json:"name,omitempty"`
	Secret        string    `json:"secret"`             // sealed
	Previous      string    `json:"previous,omitempty"` // sealed
	PreviousUntil time.Time `json:"previous_until,omitzero"`
	APIAccess     bool      `json:"api_access"`
	Flows         []int64   `json:"flows"` // null: all
	Window        string    `json:"window"`
	OnReplay      string    `json:"on_replay"`
	Impersonate   []string  `json:"impersonate,omitempty"`
	PublicKey     string    `json:"public_key,omitempty"`
	Rate          string    `json:"rate,omitempty"`
	Epoch         string    `json:"epoch,omitempty"`
}

// keyEntry is a key in memory, or why its record cannot be used.
type keyEntry struct {
	key *Key
	err error
}

// sealKey returns the record of a key. Its secrets open only as its own.
func (s *Store) sealKey(k *Key) string {
	r := keyRecord{
		Name: k.Name, APIAccess: k.APIAccess, Flows: k.Flows, Window: k.Window.String(), OnReplay: k.OnReplay,
		Impersonate: k.Impersonate, PublicKey: k.PublicKey, Rate: k.Rate, Epoch: k.Epoch,
		Secret: s.config.Sealer.Seal(keyRecordID(k.Key), k.Secret),
	}
	if k.Previous != "" {
		r.Previous, r.PreviousUntil = s.config.Sealer.Seal(keyRecordID(k.Key), k.Previous), k.PreviousUntil
	}
	data, _ := json.Marshal(r) // of strings, numbers and times: cannot fail
	return string(data)
}

// openKey reads a record. Stale: a part of it is sealed under an older
// master key.
func (s *Store) openKey(key, data string) (_ *Key, stale bool, err error) {
	var r keyRecord
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		return nil, false, fmt.Errorf("read record of key %s: %w", key, err)
	}
	k := &Key{
		Key: key, Name: r.Name, PreviousUntil: r.PreviousUntil, APIAccess: r.APIAccess, Flows: r.Flows, OnReplay: r.OnReplay,
		Impersonate: r.Impersonate, PublicKey: r.PublicKey, Rate: r.Rate, Epoch: r.Epoch,
	}
	if k.Window, err = time.ParseDuration(r.Window); err != nil {
		return nil, false, fmt.Errorf("read record of key %s: %w", key, err)
	}
	sealer := s.config.Sealer
	if k.Secret, err = sealer.Open(keyRecordID(key), r.Secret); err != nil {
		return nil, false, fmt.Errorf("key %s: %w", key, err)
	}
	if r.Previous == "" {
		return k, sealer.Stale(r.Secret), nil
	}
	if k.Previous, err = sealer.Open(keyRecordID(key), r.Previous); err != nil {
		return nil, false, fmt.Errorf("key %s: %w", key, err)
	}
	return k, sealer.Stale(r.Secret) || sealer.Stale(r.Previous), nil
}

// keyRecordID is what the secrets of a key are bound to.
func keyRecordID(key string) string { return "key/" + key }

// readKey reads one key inside a change.
func (s *Store) readKey(ctx context.Context, tx *redis.Tx, key string) (*Key, error) {
	data, err := tx.HGet(ctx, keyAPIKeys, key).Result()
	if errors.Is(err, redis.Nil) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	found, _, err := s.openKey(key, data)
	return found, err
}

// writeKey writes one key as part of a change.
func (s *Store) writeKey(ctx context.Context, key *Key) func(redis.Pipeliner) {
	data := s.sealKey(key)
	return func(p redis.Pipeliner) {
		p.HSet(ctx, keyAPIKeys, key.Key, data)
		p.HSet(ctx, keyEpochs, HolderKey.of(key.Key), key.Epoch)
	}
}

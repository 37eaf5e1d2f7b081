package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// keyRecord is the stored form of a key.
type keyRecord struct {
	Name          string    `json:"name,omitempty"`
	Secret        string    `json:"secret"`             // sealed
	Previous      string    `json:"previous,omitempty"` // sealed
	PreviousUntil time.Time `json:"previous_until,omitzero"`
	APIAccess     bool      `json:"api_access"`
	Flows         []int64   `json:"flows"` // null: all
	Scopes        []string  `json:"scopes,omitempty"`
	Window        string    `json:"window"`
	OnReplay      string    `json:"on_replay"`
	RefuseV1      bool      `json:"refuse_v1,omitempty"`
	Impersonate   []string  `json:"impersonate,omitempty"`
	PublicKey     string    `json:"public_key,omitempty"`
	Rate          string    `json:"rate,omitempty"`
	RefreshTokens bool      `json:"refresh_tokens,omitempty"`
	Epoch         string    `json:"epoch,omitempty"`
}

// sealKey returns the record of a key. Its sealed secrets can only be opened for this key.
func (s *Store) sealKey(v *snapshot, k *Key) (string, error) {
	r := keyRecord{
		Name: k.Name, APIAccess: k.APIAccess, Flows: k.Flows, Window: k.Window.String(), OnReplay: k.OnReplay, RefuseV1: k.RefuseV1,
		Impersonate: k.Impersonate, PublicKey: k.PublicKey, Rate: k.Rate, Epoch: k.Epoch, Scopes: k.Scopes, RefreshTokens: k.RefreshTokens,
	}
	var err error
	if r.Secret, err = s.seal(v, kindKey.of(k.Key), k.Secret); err != nil {
		return "", err
	}
	if k.Previous != "" {
		r.PreviousUntil = k.PreviousUntil
		if r.Previous, err = s.seal(v, kindKey.of(k.Key), k.Previous); err != nil {
			return "", err
		}
	}
	data, _ := json.Marshal(r) // of strings, numbers and times: cannot fail
	return string(data), nil
}

// openKey decodes a record.
func (s *Store) openKey(key, data string) (_ *Key, err error) {
	var r keyRecord
	if err := json.Unmarshal([]byte(data), &r); err != nil {
		return nil, fmt.Errorf("read record of key %s: %w", key, err)
	}
	k := &Key{
		Key: key, Name: r.Name, PreviousUntil: r.PreviousUntil, APIAccess: r.APIAccess, Flows: r.Flows, OnReplay: r.OnReplay, RefuseV1: r.RefuseV1,
		Impersonate: r.Impersonate, PublicKey: r.PublicKey, Rate: r.Rate, Epoch: r.Epoch, Scopes: r.Scopes, RefreshTokens: r.RefreshTokens,
	}
	if k.Window, err = time.ParseDuration(r.Window); err != nil {
		return nil, fmt.Errorf("read record of key %s: %w", key, err)
	}
	if k.Secret, err = s.config.Sealer.Open(kindKey.of(key), r.Secret); err != nil {
		return nil, fmt.Errorf("key %s: %w", key, err)
	}
	if r.Previous == "" {
		return k, nil
	}
	if k.Previous, err = s.config.Sealer.Open(kindKey.of(key), r.Previous); err != nil {
		return nil, fmt.Errorf("key %s: %w", key, err)
	}
	return k, nil
}

// readKey reads one key from Redis; within a change through its transaction.
func (s *Store) readKey(ctx context.Context, from redis.HashCmdable, key string) (*Key, error) {
	data, err := from.HGet(ctx, keyAPIKeys, key).Result()
	if errors.Is(err, redis.Nil) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return s.openKey(key, data)
}

// writeKey returns the write of one key in a change.
func (s *Store) writeKey(ctx context.Context, v *snapshot, key *Key) (func(*transactionWrites), error) {
	data, err := s.sealKey(v, key)
	if err != nil {
		return nil, err
	}
	return func(w *transactionWrites) {
		w.set(ctx, kindKey, key.Key, data)
		w.HSet(ctx, keyEpochs, PrincipalKey.of(key.Key), key.Epoch)
	}, nil
}

package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unicode/utf8"
)

// MaxSecret is the maximum size of a secret in bytes: a private key fits, a document does not.
const MaxSecret = 64 << 10

// Secret is a value that flows refer to by name and never read, such as the key of a webhook's signature.
type Secret struct {
	Name      string    `json:"name"`
	Value     string    `json:"value"`             // with From: random, so that a process of a version without references verifies nothing
	From      string    `json:"from,omitempty"`    // reference to where the value is kept; empty: it is Value
	Flows     []int64   `json:"flows,omitempty"`   // flows in which authors restricted to some flows may use it; empty: none
	Folders   []string  `json:"folders,omitempty"` // folders in whose flows they may, too
	UpdatedAt time.Time `json:"updated_at"`
}

// String keeps the value out of printed values.
func (s Secret) String() string { return "secret " + s.Name }

// GoString keeps the value out of %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps the value out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.Name) }

// Secrets gives access to the secrets. Safe for concurrent use.
type Secrets struct{ vault *vault[Secret] }

// Secrets gives access to the secrets.
func (s *Store) Secrets() *Secrets { return &Secrets{s.secrets} }

// Secret returns a value, at most a second old; that of a reference may be older. It waits for the first reading of a reference,
// until ctx ends. Errors: ErrNotFound, *secretstore.Error.
func (ss *Secrets) Secret(ctx context.Context, name string) (string, error) {
	s, err := ss.vault.find(ctx, name)
	if err != nil {
		return "", err
	}
	if s.From != "" {
		return ss.vault.store.config.SecretStores.Value(ctx, s.From)
	}
	return s.Value, nil
}

// Test reads the value of a secret as Secret does, but for a reference it asks the store where it is kept.
func (ss *Secrets) Test(ctx context.Context, name string) error {
	s, err := ss.vault.find(ctx, name)
	if err != nil || s.From == "" {
		return err
	}
	stores := ss.vault.store.config.SecretStores
	stores.Refresh(ctx, map[string]string{"": s.From})
	_, err = stores.Value(ctx, s.From)
	return err
}

// List returns all secrets by name, without their values.
func (ss *Secrets) List(ctx context.Context) ([]Secret, error) {
	all, err := ss.vault.all(ctx)
	listed := make([]Secret, len(all))
	for i, s := range all {
		listed[i] = Secret{Name: s.Name, From: s.From, Flows: s.Flows, Folders: s.Folders, UpdatedAt: s.UpdatedAt}
	}
	return listed, err
}

// Stored returns a secret as it is stored: a reference is not read. It is shared, and must not be modified. Error: ErrNotFound.
func (ss *Secrets) Stored(ctx context.Context, name string) (*Secret, error) {
	return ss.vault.find(ctx, name)
}

// Flows returns the flows in which authors restricted to some flows may use the secret; nil: none, also if there is no such secret.
func (ss *Secrets) Flows(ctx context.Context, name string) ([]int64, error) {
	s, err := ss.Stored(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.Flows, nil
}

// Put creates the secret or replaces its value. The flows of an existing secret stay.
func (ss *Secrets) Put(ctx context.Context, name, value string) error {
	flows, err := ss.Flows(ctx, name)
	if err != nil {
		return err
	}
	return ss.PutFor(ctx, name, value, flows)
}

// PutFor creates the secret or replaces it as a whole. The folders of an existing secret stay, unless some are given, perhaps an empty
// list. Error: *InvalidError.
func (ss *Secrets) PutFor(ctx context.Context, name, value string, flows []int64, folders ...string) error {
	if value == "" || len(value) > MaxSecret {
		return fmt.Errorf("put secret: %w", &InvalidError{"value", fmt.Sprintf("must have 1 to %d bytes", MaxSecret)})
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("put secret: %w", &InvalidError{"value", "must be UTF-8: store bytes as base64, for instance"})
	}
	return ss.put(ctx, Secret{Name: name, Value: value, Flows: flows, Folders: folders})
}

// PutReference creates the secret or replaces it as a whole by a reference to where its value is kept. It reads nothing. folders
// are as in PutFor. Error: *InvalidError.
func (ss *Secrets) PutReference(ctx context.Context, name, from string, flows []int64, folders ...string) error {
	if err := ss.vault.store.config.SecretStores.Check(from); err != nil {
		return fmt.Errorf("put secret: %w", &InvalidError{"from", err.Error()})
	}
	return ss.put(ctx, Secret{Name: name, Value: rand.Text(), From: from, Flows: flows, Folders: folders})
}

func (ss *Secrets) put(ctx context.Context, s Secret) error {
	if s.Folders == nil {
		old, err := ss.Stored(ctx, s.Name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err == nil {
			s.Folders = old.Folders
		}
	}
	if err := checkFolders(s.Folders); err != nil {
		return fmt.Errorf("put secret: %w", err)
	}
	s.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
	return ss.vault.put(ctx, s.Name, &s)
}

// Delete removes the secret. Error: ErrNotFound.
func (ss *Secrets) Delete(ctx context.Context, name string) error { return ss.vault.remove(ctx, name) }

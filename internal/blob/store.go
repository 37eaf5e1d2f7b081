package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Config of a Store. Both are required.
type Config struct {
	Backend Backend
	MaxSize int64 // maximum size of a blob in bytes
}

// Store stores blobs in a Backend. Safe for concurrent use.
type Store struct{ config Config }

// New returns a Store.
func New(config Config) (*Store, error) {
	if config.Backend == nil || config.MaxSize < 1 {
		return nil, errors.New("new blob store: Backend and MaxSize are required")
	}
	return &Store{config}, nil
}

// MaxSize is the maximum size of a blob in bytes.
func (s *Store) MaxSize() int64 { return s.config.MaxSize }

// Put stores a content, which is read until io.EOF and is at most limit bytes long, or MaxSize if that is less; zero means
// MaxSize. After an error nothing of the content is stored. Errors: a *TooLargeError, ErrFull, those of content.
func (s *Store) Put(ctx context.Context, owner string, limit int64, content io.Reader) (Info, error) {
	if limit <= 0 || limit > s.config.MaxSize {
		limit = s.config.MaxSize
	}
	if !validName(owner) {
		return Info{}, fmt.Errorf("put blob: the owner %.40q is no name", owner)
	}
	id := newID()
	m := &measuredReader{content: content, limit: limit, sum: sha256.New()}
	if err := s.config.Backend.Put(ctx, owner, id, m); err != nil {
		return Info{}, fmt.Errorf("put blob: %w", err)
	}
	return Info{ID: id, Size: m.size, SHA256: hex.EncodeToString(m.sum.Sum(nil))}, nil
}

// Delete deletes a blob. Deleting one that is not there is no error.
func (s *Store) Delete(ctx context.Context, owner, id string) error {
	if !validName(owner) || !validName(id) {
		return nil
	}
	if err := s.config.Backend.Delete(ctx, owner, id); err != nil {
		return fmt.Errorf("delete blob: %w", err)
	}
	return nil
}

// DeleteOwner deletes all blobs of an owner. An owner without any is no error.
func (s *Store) DeleteOwner(ctx context.Context, owner string) error {
	if !validName(owner) {
		return nil
	}
	if err := s.config.Backend.DeleteOwner(ctx, owner); err != nil {
		return fmt.Errorf("delete blobs: %w", err)
	}
	return nil
}

// newID returns an id that cannot be guessed.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// validName reports whether a text may name an owner or a blob in every backend.
func validName(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return true
}

// measuredReader counts and hashes what is read, and fails above the limit.
type measuredReader struct {
	content     io.Reader
	size, limit int64
	sum         hash.Hash
}

// Read implements io.Reader.
func (m *measuredReader) Read(p []byte) (int, error) {
	n, err := m.content.Read(p)
	if m.size += int64(n); m.size > m.limit {
		return 0, &TooLargeError{m.limit}
	}
	m.sum.Write(p[:n])
	return n, err
}

// Package snapshot stores the keys and content hashes of a list between runs, in a flows.State.
//
// A snapshot is a head and chunks. Chunks are written first, under the id of the run that writes them, and the head then
// names them in one conditional change: a run that dies leaves the snapshot before, and of two runs that began with the same one
// only one replaces it.
package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/flows"
)

const (
	chunkSize = 256 << 10 // bytes after which a chunk ends
	chunkTime = time.Hour // for which chunks outlive the head that names them
)

// ErrMoved reports that another run has replaced the snapshot.
var ErrMoved = errors.New("another run has replaced the snapshot")

// Head describes a snapshot. The zero Head is that of a list that was never seen.
type Head struct {
	ID     string    `json:"id"`     // of what has written it; empty: there is no snapshot
	Run    string    `json:"run"`    // that has written it
	At     time.Time `json:"at"`     // when it was written
	Keys   int       `json:"keys"`   // number of keys
	Chunks int       `json:"chunks"` // number of chunks

	// BeforeID and BeforeChunks are of the snapshot before, which is kept until the next one is written: the run that has
	// written this one may still have to read it.
	BeforeID     string `json:"before_id,omitempty"`
	BeforeChunks int    `json:"before_chunks,omitempty"`

	// Items are the list itself, in place of chunks, in the tests of flows.
	Items []any `json:"items,omitempty"`

	text []byte // as it is stored; nil: there is none
}

// Parse parses the text of a head; nil is the zero Head.
func Parse(text []byte) (h Head, err error) {
	if text == nil {
		return h, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&h); err != nil {
		return h, fmt.Errorf("read the head of a snapshot: %w", err)
	}
	h.text = text
	return h, nil
}

// Text returns the text that Parse has parsed.
func (h *Head) Text() []byte { return h.text }

// Store has the snapshot of one list. Safe for concurrent use.
type Store struct {
	State flows.State
	Key   string // in State
}

// Head returns the head of the current snapshot.
func (s Store) Head(ctx context.Context) (Head, error) {
	text, err := s.State.Load(ctx, s.Key)
	if err != nil {
		return Head{}, err
	}
	return Parse(text)
}

// Hashes returns the content hashes by key. ErrMoved: the snapshot has been removed, or its time is over.
func (s Store) Hashes(ctx context.Context, h Head) (map[string]string, error) {
	all := make(map[string]string, h.Keys)
	for i := range h.Chunks {
		text, err := s.State.Load(ctx, s.chunk(h.ID, i))
		if err != nil {
			return nil, err
		}
		if text == nil {
			return nil, ErrMoved
		}
		if err := json.Unmarshal(text, &all); err != nil {
			return nil, fmt.Errorf("read a chunk of a snapshot: %w", err)
		}
	}
	return all, nil
}

// Replace replaces the snapshot with the head base. It fills in the number of keys and chunks of next, whose ID must be new, or
// that of an earlier call with the same hashes. ErrMoved: base is not the current head any more.
func (s Store) Replace(ctx context.Context, base, next Head, hashes map[string]string, life time.Duration) error {
	next.Keys, next.BeforeID, next.BeforeChunks = len(hashes), base.ID, base.Chunks
	for chunk := range chunks(hashes) {
		if _, err := s.State.Swap(ctx, flows.Change{Key: s.chunk(next.ID, next.Chunks), Value: chunk, For: life + chunkTime}); err != nil {
			return err
		}
		next.Chunks++
	}
	text, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode the head of a snapshot: %w", err)
	}
	done, err := s.State.Swap(ctx, flows.Change{Key: s.Key, Value: text, For: life, If: flows.Equal, Old: base.text, ID: next.ID})
	if err != nil {
		return err
	}
	if !done.Done {
		_ = s.removeChunks(ctx, next.ID, next.Chunks) // those that remain expire
		return ErrMoved
	}
	return s.removeChunks(ctx, base.BeforeID, base.BeforeChunks)
}

// Remove removes the snapshot, so that the next run is the first one.
func (s Store) Remove(ctx context.Context) error {
	h, err := s.Head(ctx)
	if err != nil {
		return err
	}
	if _, err := s.State.Swap(ctx, flows.Change{Key: s.Key}); err != nil {
		return err
	}
	return errors.Join(s.removeChunks(ctx, h.ID, h.Chunks), s.removeChunks(ctx, h.BeforeID, h.BeforeChunks))
}

func (s Store) removeChunks(ctx context.Context, id string, n int) error {
	for i := range n {
		if _, err := s.State.Swap(ctx, flows.Change{Key: s.chunk(id, i)}); err != nil {
			return err
		}
	}
	return nil
}

func (s Store) chunk(id string, i int) string { return s.Key + "/" + id + "/" + strconv.Itoa(i) }

// chunks yields the hashes as JSON objects, sorted by key.
func chunks(hashes map[string]string) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		var text []byte
		for _, key := range slices.Sorted(maps.Keys(hashes)) {
			open := byte(',')
			if text == nil {
				open = '{'
			}
			text = append(text, open)
			text = append(append(append(text, flows.EncodeJSON(key)...), ':'), flows.EncodeJSON(hashes[key])...)
			if len(text) >= chunkSize {
				if !yield(append(text, '}')) {
					return
				}
				text = nil
			}
		}
		if text != nil {
			yield(append(text, '}'))
		}
	}
}

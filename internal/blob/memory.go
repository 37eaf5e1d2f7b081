package blob

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"
)

// Memory is a Backend in memory, for tests of flows. The zero value is empty.
type Memory struct {
	MaxTotal int64 // maximum size of all blobs in bytes; zero: no limit

	mu     sync.Mutex // guards the fields below
	total  int64
	owners map[string]*memoryOwner
}

type memoryOwner struct {
	blobs  map[string][]byte
	latest time.Time
}

// Put implements Backend.
func (m *Memory) Put(_ context.Context, owner, id string, content io.Reader) error {
	text, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.MaxTotal > 0 && m.total+int64(len(text)) > m.MaxTotal {
		return ErrFull
	}
	if m.owners == nil {
		m.owners = map[string]*memoryOwner{}
	}
	o := m.owners[owner]
	if o == nil {
		o = &memoryOwner{blobs: map[string][]byte{}}
		m.owners[owner] = o
	}
	o.blobs[id], o.latest = text, time.Now()
	m.total += int64(len(text))
	return nil
}

// Open implements Backend.
func (m *Memory) Open(_ context.Context, owner, id string, from int64) (io.ReadCloser, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.owners[owner]
	if o == nil || o.blobs[id] == nil {
		return nil, 0, ErrNotFound
	}
	text := o.blobs[id]
	return io.NopCloser(bytes.NewReader(text[min(from, int64(len(text))):])), int64(len(text)), nil
}

// Delete implements Backend.
func (m *Memory) Delete(_ context.Context, owner, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.owners[owner]; o != nil {
		m.total -= int64(len(o.blobs[id]))
		if delete(o.blobs, id); len(o.blobs) == 0 {
			delete(m.owners, owner)
		}
	}
	return nil
}

// DeleteOwner implements Backend.
func (m *Memory) DeleteOwner(_ context.Context, owner string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if o := m.owners[owner]; o != nil {
		for _, text := range o.blobs {
			m.total -= int64(len(text))
		}
		delete(m.owners, owner)
	}
	return nil
}

// Owners implements Backend.
func (m *Memory) Owners(_ context.Context, each func(string, time.Time) error) error {
	m.mu.Lock()
	all := make(map[string]time.Time, len(m.owners))
	for name, o := range m.owners {
		all[name] = o.latest
	}
	m.mu.Unlock()
	for name, latest := range all {
		if err := each(name, latest); err != nil {
			return err
		}
	}
	return nil
}

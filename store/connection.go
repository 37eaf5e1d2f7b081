package store

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"
)

// Connection is a credential that steps name. What its type and settings may
// be, package connect says. A *Connection that the store returns is shared:
// it must not be changed.
type Connection struct {
	Name      string            `json:"name"`
	Type      string            `json:"type"`               // "basic", "postgres"…
	Hosts     []string          `json:"hosts,omitempty"`    // who may see the credential, where the type lets a flow choose
	Settings  map[string]string `json:"settings,omitempty"` // by name; numbers and switches as text
	Flows     []int64           `json:"flows,omitempty"`    // that a writer of some flows may use it in; empty: none
	Version   string            `json:"version"`            // another one after each Put, the same after a Reseal
	UpdatedAt time.Time         `json:"updated_at"`
}

// String keeps secrets out of anything printed.
func (c Connection) String() string { return "connection " + c.Name }

// GoString keeps secrets out of %#v.
func (c Connection) GoString() string { return c.String() }

// LogValue keeps secrets out of logs.
func (c Connection) LogValue() slog.Value { return slog.StringValue(c.Name) }

// Connections are the connections. Safe for concurrent use.
type Connections struct{ vault *vault[Connection] }

// Connections returns the connections.
func (s *Store) Connections() *Connections { return &Connections{s.connections} }

// Connection returns a connection as it was less than a second ago, and
// ErrNotFound when there is none.
func (cs *Connections) Connection(ctx context.Context, name string) (*Connection, error) {
	return cs.vault.find(ctx, name)
}

// List returns all connections that can be opened, by name.
func (cs *Connections) List(ctx context.Context) ([]*Connection, error) { return cs.vault.all(ctx) }

// Put creates the connection or replaces it. What it holds must have passed
// the check of package connect. Version and UpdatedAt are filled in.
func (cs *Connections) Put(ctx context.Context, c Connection) (*Connection, error) {
	c.Version, c.UpdatedAt = rand.Text(), time.Now().UTC().Truncate(time.Millisecond)
	if err := cs.vault.put(ctx, c.Name, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// Delete removes the connection; ErrNotFound when there is none.
func (cs *Connections) Delete(ctx context.Context, name string) error {
	return cs.vault.remove(ctx, name)
}

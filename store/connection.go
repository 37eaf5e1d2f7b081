package store

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"
)

// Connection is a credential that steps name. Package connect validates its type and settings. A *Connection returned
// by the store is shared and must not be modified.
type Connection struct {
	Name      string            `json:"name"`
	Type      string            `json:"type"`               // "basic", "postgres"…
	Hosts     []string          `json:"hosts,omitempty"`    // hosts that may receive the credential, for types that require them
	Settings  map[string]string `json:"settings,omitempty"` // by name; numbers and booleans as text
	From      map[string]string `json:"from,omitempty"`     // references of settings that are kept elsewhere, by name
	Flows     []int64           `json:"flows,omitempty"`    // flows in which authors restricted to some flows may use it; empty: none
	Folders   []string          `json:"folders,omitempty"`  // folders in whose flows they may, too
	Version   string            `json:"version"`            // changes with each Put, but not with a Reseal
	UpdatedAt time.Time         `json:"updated_at"`
}

// String keeps secrets out of printed values.
func (c Connection) String() string { return "connection " + c.Name }

// GoString keeps secrets out of %#v.
func (c Connection) GoString() string { return c.String() }

// LogValue keeps secrets out of logs.
func (c Connection) LogValue() slog.Value { return slog.StringValue(c.Name) }

// SetReference sets the reference to where the value of a setting is kept.
func (c *Connection) SetReference(setting, from string) {
	if c.From == nil {
		c.From = map[string]string{}
	}
	c.From[setting] = from
}

// Connections gives access to the connections. Safe for concurrent use.
type Connections struct{ vault *vault[Connection] }

// Connections gives access to the connections.
func (s *Store) Connections() *Connections { return &Connections{s.connections} }

// Connection returns a connection, at most a second old; ErrNotFound.
func (cs *Connections) Connection(ctx context.Context, name string) (*Connection, error) {
	return cs.vault.find(ctx, name)
}

// List returns all connections that can be opened, by name.
func (cs *Connections) List(ctx context.Context) ([]*Connection, error) { return cs.vault.all(ctx) }

// Put creates or replaces a connection, which must have passed the check of package connect. It sets Version and
// UpdatedAt. The folders of an existing one stay if there are none, which is not an empty list. Error: *InvalidError.
func (cs *Connections) Put(ctx context.Context, c Connection) (*Connection, error) {
	if c.Folders == nil {
		old, err := cs.Connection(ctx, c.Name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		if err == nil {
			c.Folders = old.Folders
		}
	}
	if err := checkFolders(c.Folders); err != nil {
		return nil, err
	}
	c.Version, c.UpdatedAt = rand.Text(), time.Now().UTC().Truncate(time.Millisecond)
	if err := cs.vault.put(ctx, c.Name, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// Delete removes a connection. Error: ErrNotFound.
func (cs *Connections) Delete(ctx context.Context, name string) error {
	return cs.vault.remove(ctx, name)
}

package store

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrLockLost reports that a lock ended before the work that it guards.
var ErrLockLost = errors.New("the lock was lost")

// Grant is the result of an authorization server for a connection, shared by the whole fleet: tokens, or a rejection.
type Grant struct {
	AccessToken  string    `json:"access_token,omitempty"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
	RefreshToken string    `json:"refresh_token,omitempty"` // replaces the connection's own
	Refused      string    `json:"refused,omitempty"`       // why there is no token
	// Fields are further members of the token's answer that the connection uses, by their names.
	Fields map[string]string `json:"fields,omitempty"`
}

// LogValue keeps tokens out of logs.
func (g Grant) LogValue() slog.Value { return slog.TimeValue(g.ExpiresAt) }

// Grants gives access to the grants of all connections. Safe for concurrent use.
type Grants struct{ store *Store }

// Grants gives access to the grants of all connections.
func (s *Store) Grants() *Grants { return &Grants{s} }

// Grant returns the grant of this version of the connection; ErrNotFound.
func (gs *Grants) Grant(ctx context.Context, c *Connection) (*Grant, error) {
	sealed, err := gs.store.config.Redis.Get(ctx, keyGrant(c.Name, c.Version)).Result()
	if errors.Is(err, redis.Nil) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read grant: %w", err)
	}
	plain, err := gs.store.config.Sealer.Open(grantRecordID(c), sealed)
	if err != nil {
		return nil, fmt.Errorf("read grant: %w", err)
	}
	g := new(Grant)
	if json.Unmarshal([]byte(plain), g) != nil { // its error may quote what it read
		return nil, errors.New("read grant: the record cannot be read") // the error may quote the plaintext
	}
	return g, nil
}

// Lock acquires the lock on the grant for at most life. It returns "" when another process has it.
func (gs *Grants) Lock(ctx context.Context, c *Connection, life time.Duration) (lock string, err error) {
	lock = rand.Text()
	err = gs.store.config.Redis.SetArgs(ctx, keyGrantLock(c.Name, c.Version), lock, redis.SetArgs{Mode: "NX", TTL: life}).Err()
	if errors.Is(err, redis.Nil) { // locked, possibly by this call itself if the client has repeated it
		held, err := gs.store.config.Redis.Get(ctx, keyGrantLock(c.Name, c.Version)).Result()
		switch {
		case err != nil && !errors.Is(err, redis.Nil):
			return "", fmt.Errorf("lock grant: %w", err)
		case held != lock:
			return "", nil
		}
		return lock, nil
	}
	if err != nil {
		return "", fmt.Errorf("lock grant: %w", err)
	}
	return lock, nil
}

// Save stores the grant for the time life and releases the lock. It writes nothing and returns ErrLockLost when the
// caller no longer has the lock.
func (gs *Grants) Save(ctx context.Context, c *Connection, lock string, g *Grant, life time.Duration) error {
	plain, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("save grant: %w", err)
	}
	sealed, err := gs.store.seal(gs.store.snapshot.Load(), grantRecordID(c), string(plain))
	if err != nil {
		return fmt.Errorf("save grant: %w", err)
	}
	return gs.release(ctx, c, lock, func(p redis.Pipeliner) {
		p.Set(ctx, keyGrant(c.Name, c.Version), sealed, life)
	})
}

// Unlock releases the lock if the caller still has it.
func (gs *Grants) Unlock(ctx context.Context, c *Connection, lock string) error {
	err := gs.release(ctx, c, lock, func(redis.Pipeliner) {})
	if errors.Is(err, ErrLockLost) {
		return nil
	}
	return err
}

// release writes and deletes the lock in one transaction, which fails when the lock was lost.
func (gs *Grants) release(ctx context.Context, c *Connection, lock string, write func(redis.Pipeliner)) error {
	key := keyGrantLock(c.Name, c.Version)
	err := gs.store.config.Redis.Watch(ctx, func(tx *redis.Tx) error {
		held, err := tx.Get(ctx, key).Result()
		if errors.Is(err, redis.Nil) || err == nil && held != lock {
			return ErrLockLost
		}
		if err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			write(p)
			p.Del(ctx, key)
			return nil
		})
		return err
	}, key)
	if errors.Is(err, redis.TxFailedErr) {
		err = ErrLockLost
	}
	if err != nil {
		return fmt.Errorf("release grant: %w", err)
	}
	return nil
}

func grantRecordID(c *Connection) string { return "grant/" + c.Name + "/" + c.Version }

// Package directstore opens the store without a server.
package directstore

import (
	"context"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
)

// Store is the store of an installation, on a connection of its own.
type Store struct {
	*store.Store
	client redis.UniversalClient
}

// Close ends the connection to Redis.
func (s *Store) Close() error { return s.client.Close() }

// Open opens the store with these master keys, the first of which seals. It is not announced to the fleet.
func Open(ctx context.Context, conn *redisconn.Conn, keys [][]byte, log *slog.Logger) (*Store, error) {
	sealer, err := store.NewSealer(keys...)
	if err != nil {
		return nil, err
	}
	client := conn.Client()
	s, err := store.Open(ctx, store.Config{Redis: client, Sealer: sealer, Catalogue: steps.Catalogue(), Log: log})
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	return &Store{s, client}, nil
}

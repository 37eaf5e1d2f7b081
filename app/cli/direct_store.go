package cli

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/store"
)

// directStore is the store opened without a server, by the Redis and the master keys of this environment.
type directStore struct {
	store *store.Store
	close func() error
}

// openDirectStore opens the store. The command is not announced to the fleet.
func openDirectStore(ctx context.Context, e env, redisURL string, log *slog.Logger) (*directStore, error) {
	if redisURL == "" {
		var err error
		if redisURL, err = e.secret(app.EnvRedisURL); err != nil {
			return nil, err
		}
	}
	text, err := e.secret(app.EnvMasterKey)
	if err != nil {
		return nil, err
	}
	if redisURL == "" || text == "" {
		return nil, usageError{fmt.Errorf("set %s and %s as in the processes", app.EnvRedisURL, app.EnvMasterKey)}
	}
	keys, err := store.ParseMasterKeys(text)
	if err != nil {
		return nil, fmt.Errorf("read settings: %s: %w", app.EnvMasterKey, err)
	}
	conn, err := redisconn.Parse(redisURL)
	if err != nil {
		return nil, err
	}
	return openStoreAt(ctx, conn, keys, log)
}

func openStoreAt(ctx context.Context, conn *redisconn.Conn, keys [][]byte, log *slog.Logger) (*directStore, error) {
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
	return &directStore{s, client.Close}, nil
}

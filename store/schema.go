package store

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/redis/go-redis/v9"
)

const (
	// Schema is the layout that this version writes. Schema 1 had neither the log of changes nor an epoch, schema 2 neither second factors
	// nor rights in folders.
	Schema = 3
	// leastSchema is the oldest schema that can work on the store beside this one: it receives announcements of
	// changes as before, and its changes, which are not logged, make other processes read everything.
	leastSchema = 1

	// Protocol is the version of the communication about runs between API processes and workers; LeastProtocol is the
	// oldest supported one.
	Protocol      = 1
	LeastProtocol = 1
)

//go:embed lua/schema.lua
var schemaLua string

// schemaScript records the schema of a process.
var schemaScript = redis.NewScript(schemaLua)

// claimSchema fails for a store that only later versions can work on.
func (s *Store) claimSchema(ctx context.Context) error {
	least, err := schemaScript.Run(ctx, s.config.Redis, []string{keySchema}, Schema, leastSchema).Int()
	if err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	return schemaError(least)
}

// schemaError returns the error for a store that requires a later version; nil otherwise.
func schemaError(least int) error {
	if least <= Schema {
		return nil
	}
	return fmt.Errorf("the store has schema %d and this version works up to schema %d: a later version has upgraded it; upgrade this process", least, Schema)
}

// needSchema lets later processes work on the store only if they know what is about to be stored, and returns an *InvalidError while one
// that does not is live: whatever an older process writes again loses what it does not know. what is for people.
func (s *Store) needSchema(ctx context.Context, what string) error {
	live, err := s.Processes(ctx)
	if err != nil {
		return err
	}
	for _, p := range live {
		if p.Schema < Schema {
			return &InvalidError{what, "must wait for the upgrade of " + p.String() + ", which would lose it"}
		}
	}
	if err := s.config.Redis.HSet(ctx, keySchema, "least", Schema).Err(); err != nil {
		return fmt.Errorf("raise schema: %w", err)
	}
	return nil
}

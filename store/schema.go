package store

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/redis/go-redis/v9"
)

const (
	// Schema is the layout that this version writes: 1 had neither the log of
	// changes nor an epoch.
	Schema = 2
	// leastSchema can work on the store beside this one: it is told of changes
	// as before, and what it changes without the log is read as a whole.
	leastSchema = 1

	// Protocol is how doors and workers of this version speak about runs, and
	// LeastProtocol the oldest that they understand.
	Protocol      = 1
	LeastProtocol = 1
)

//go:embed lua/schema.lua
var schemaLua string

// schemaScript notes the schema of a process.
var schemaScript = redis.NewScript(schemaLua)

// claimSchema refuses a store that only later versions can work on.
func (s *Store) claimSchema(ctx context.Context) error {
	least, err := schemaScript.Run(ctx, s.config.Redis, []string{keySchema}, Schema, leastSchema).Int()
	if err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	return schemaError(least)
}

// schemaError says that a store needs a later version; nil: it does not.
func schemaError(least int) error {
	if least <= Schema {
		return nil
	}
	return fmt.Errorf("the store has schema %d and this version works up to schema %d: a later version has upgraded it; upgrade this process", least, Schema)
}

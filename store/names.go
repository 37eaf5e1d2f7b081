package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// checkNewName rejects a name for a new record that people, paths or file systems would confuse: a dot segment, or
// the name of another record except for case or trailing dots. Existing records keep their names and can be changed.
// It returns ErrExists when replace is false and the name is taken, and *InvalidError.
func checkNewName(ctx context.Context, tx redis.HashCmdable, hash, member, name string, replace bool) error {
	taken, err := tx.HKeys(ctx, hash).Result()
	if err != nil {
		return err
	}
	var similar string
	for _, other := range taken {
		if other == name {
			if replace {
				return nil
			}
			return ErrExists
		}
		if foldName(other) == foldName(name) {
			similar = other
		}
	}
	switch {
	case strings.Trim(name, ".") == "":
		return &InvalidError{member, "cannot be made of dots only"}
	case similar != "":
		return &InvalidError{member, fmt.Sprintf("%q differs from %q, which exists, in case or trailing dots only", name, similar)}
	}
	return nil
}

// foldName returns equal texts for names that checkNewName confuses.
func foldName(name string) string { return strings.ToLower(strings.TrimRight(name, ".")) }

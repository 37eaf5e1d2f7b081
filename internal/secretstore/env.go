package secretstore

import (
	"context"
	"os"
)

// environment reads the environment of this process.
type environment struct{}

// Read implements Source.
func (environment) Read(_ context.Context, name string) (*Document, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return nil, Failure(Missing, "this process has no such environment variable")
	}
	return &Document{Text: value}, nil
}

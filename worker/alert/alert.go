// Package alert does what follows when runs fail, once for the whole fleet.
package alert

import (
	"context"
	"errors"
	"log/slog"

	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
)

// Runs reads and starts runs. *queue.Client implements it.
type Runs interface {
	// Brief reads runs without their events, outputs and steps. Runs that are not stored are missing.
	Brief(ctx context.Context, ids []string) ([]queue.Record, error)
}

// Config configures a Handler. All fields are required.
type Config struct {
	Log      *slog.Logger
	Runs     Runs
	Failures *failure.Store
}

// Handler handles runs that have failed. Safe for concurrent use.
type Handler struct{ config Config }

// New returns a Handler.
func New(config Config) (*Handler, error) {
	if config.Log == nil || config.Runs == nil || config.Failures == nil {
		return nil, errors.New("new failure handler: Log, Runs and Failures are required")
	}
	return &Handler{config}, nil
}

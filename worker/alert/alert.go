// Package alert does what follows when runs fail, once for the whole fleet.
package alert

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/failure"
	"github.com/penstock/penstock/queue"
)

// Runs reads and starts runs. *queue.Client implements it.
type Runs interface {
	// Brief reads runs without their events, outputs and steps. Runs that are not stored are missing.
	Brief(ctx context.Context, ids []string) ([]queue.Record, error)
	Record(ctx context.Context, id string) (queue.Record, error)
	Start(ctx context.Context, s queue.Submission, at time.Time) (string, error)
	SetFailureRun(ctx context.Context, failed *queue.Record, run string) error
}

// Versions finds the flow version that a run had. *store.Flows implements it.
type Versions interface {
	Version(ctx context.Context, flow int64, version string) (*flows.Flow, error)
}

// Config configures a Handler. All fields are required.
type Config struct {
	Log      *slog.Logger
	Runs     Runs
	Versions Versions
	Failures *failure.Store
}

// Handler handles runs that have failed. Safe for concurrent use.
type Handler struct{ config Config }

// New returns a Handler.
func New(config Config) (*Handler, error) {
	if config.Log == nil || config.Runs == nil || config.Versions == nil || config.Failures == nil {
		return nil, errors.New("new failure handler: Log, Runs, Versions and Failures are required")
	}
	return &Handler{config}, nil
}

// Package flowpage computes what the page of a flow lays over its picture, and the list of flows.
package flowpage

import (
	"context"
	"time"

	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/queue"
)

// History has what is known of runs that have ended. *history.DB implements it.
type History interface {
	Stats(ctx context.Context, q history.StatsQuery) (*history.Stats, error)
	Flows(ctx context.Context, from, to time.Time) (map[int64]history.FlowSummary, error)
	LastRuns(ctx context.Context, flows []int64) (map[int64]history.LastRun, error)
}

// Runs lists runs. *queue.Client implements it.
type Runs interface {
	List(ctx context.Context, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error)
	ListArchived(ctx context.Context, l queue.List, each func(*queue.Record)) (next queue.Place, more bool, err error)
}

// Config configures Pages.
type Config struct {
	Runs    Runs
	History History // nil: there is none
	Now     func() time.Time
}

// Pages computes what the pages show. Safe for concurrent use.
type Pages struct {
	config  Config
	figures figures
	recent  recent
}

// New returns Pages.
func New(config Config) *Pages { return &Pages{config: config} }

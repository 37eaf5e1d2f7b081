// Package fleet has the endpoints that operate queues and workers.
package fleet

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// Fleet reads and operates queues and workers. *queue.Client implements it. The error for an unknown queue or
// worker wraps queue.ErrNotFound.
type Fleet interface {
	Stats(ctx context.Context) ([]queue.Stats, error)
	// Sharing returns the waiting flows of each queue.
	Sharing(ctx context.Context) ([]queue.Sharing, error)
	Workers(ctx context.Context) ([]queue.Worker, error)
	// Pause and Resume stop and continue the delivery of the tasks of a queue.
	Pause(ctx context.Context, queue string) error
	Resume(ctx context.Context, queue string) error
	// Drain tells a worker to begin no further runs, or to begin them again.
	Drain(ctx context.Context, worker string, drain bool) error
}

// Config of the routes. Both are required.
type Config struct {
	Fleet  Fleet
	Paused func(flow int64) bool // reports whether a flow is paused
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes to /v1, where requests are authenticated and changes are audited.
func Mount(v1 gin.IRouter, config Config) {
	a := &api{config}
	read, write := httpx.Requires(auth.ScopeReadQueues), httpx.Requires(auth.ScopeWriteQueues)
	v1.GET("/queues", read, a.listQueues)
	v1.GET("/queues/:queue", read, a.readQueue)
	v1.POST("/queues/:queue/pause", write, a.setPaused(Fleet.Pause))
	v1.POST("/queues/:queue/resume", write, a.setPaused(Fleet.Resume))
	v1.GET("/workers", read, a.listWorkers)
	v1.GET("/workers/:worker", read, a.readWorker)
	v1.POST("/workers/:worker/drain", write, a.drainWorker(true))
	v1.POST("/workers/:worker/resume", write, a.drainWorker(false))
}

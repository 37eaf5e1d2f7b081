// Package flows has the endpoints that read, deploy, pause and delete flows.
package flows

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/queue/rehearsal"
	"github.com/penstock/penstock/store"
)

// WaitingRuns reads and changes the runs of flows that no worker executes. *queue.Client implements it.
type WaitingRuns interface {
	// ResumeFlow enqueues the waiting runs of a flow whose pause began at since, and returns their number.
	ResumeFlow(ctx context.Context, flow int64, since time.Time) (int, error)
	// FlowRuns counts the runs of a flow that no worker executes.
	FlowRuns(ctx context.Context, flow int64) (queue.FlowRuns, error)
	// CancelFlow cancels these runs and returns their number. since is the beginning of the pause; zero: the flow
	// is not paused.
	CancelFlow(ctx context.Context, flow int64, since time.Time, why []byte) (int, error)
}

// Comparer compares the runs of versions of a flow. *queue.Client implements it.
type Comparer interface {
	CompareVersions(ctx context.Context, flow int64, queue string, since time.Time) (*queue.Comparison, error)
}

// Recordings has what was recorded of the deliveries of flows. *deliveries.Log implements it.
type Recordings interface {
	// Stop ends the recording of a flow, and deletes what was recorded.
	Stop(ctx context.Context, flow int64) error
}

// Config of the routes. Store and Flows are required.
type Config struct {
	Store *store.Store
	Flows runner.Flows // the flows that this process can run
	Runs  WaitingRuns  // nil: flows cannot be paused

	Comparer   Comparer             // nil: flows have no canaries
	Recordings Recordings           // nil: deliveries are not recorded
	Rehearser  *rehearsal.Rehearser // nil: flows cannot be rehearsed
	State      flows.State          // has the snapshots of changes steps; nil: there are no endpoints for them
}

// api has the handlers of the routes.
type api struct{ config Config }

// Mount adds the routes to the group /v1/flows, where requests are authenticated and changes are audited.
func Mount(group gin.IRouter, config Config) {
	a := &api{config}
	read, write := httpx.Requires(auth.ScopeReadFlows), httpx.Requires(auth.ScopeWriteFlows)
	group.GET("", read, a.listFlows)
	group.GET("/:flow", read, a.readFlow)
	group.PUT("/:flow", write, a.putFlow)
	group.DELETE("/:flow", write, a.deleteFlow)
	group.POST("/:flow/check", write, a.checkFlow)
	group.POST("/:flow/tests", write, a.testFlow)
	group.GET("/:flow/versions", read, a.listVersions)
	group.GET("/:flow/versions/:version", read, a.readVersion)
	group.POST("/:flow/enable", write, a.enableFlow)
	group.POST("/:flow/disable", write, a.disableFlow)
	group.POST("/:flow/rollback", write, a.rollbackFlow)
	group.GET("/:flow/proposal", read, a.readProposal)
	group.POST("/:flow/proposal/approve", write, a.approveProposal)
	group.POST("/:flow/proposal/reject", write, a.rejectProposal)
	if config.Comparer != nil {
		group.GET("/:flow/canary", read, a.readCanary)
		group.PUT("/:flow/canary", write, a.putCanary)
		group.DELETE("/:flow/canary", write, a.stopCanary)
		group.POST("/:flow/canary/promote", write, a.promoteCanary)
	}
	if config.State != nil {
		group.GET("/:flow/snapshots", read, a.listSnapshots)
		group.DELETE("/:flow/snapshots/:name", write, a.deleteSnapshot)
	}
	if config.Rehearser != nil {
		group.POST("/:flow/rehearsals", write, a.rehearseFlow)
	}
	if config.Runs != nil { // operators of queues may pause flows, too
		may := httpx.Requires(auth.ScopeWriteFlows, auth.ScopeWriteQueues, auth.ScopeWriteRuns)
		group.POST("/:flow/pause", may, a.pauseFlow)
		group.POST("/:flow/resume", may, a.resumeFlow)
	}
}

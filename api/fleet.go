package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// Fleet looks at queues and workers, and holds them. *queue.Client is one.
// What is not there is queue.ErrNotFound.
type Fleet interface {
	Stats(ctx context.Context) ([]queue.Stats, error)
	// Sharing says who waits behind whom on every queue.
	Sharing(ctx context.Context) ([]queue.Sharing, error)
	Workers(ctx context.Context) ([]queue.Worker, error)
	// Pause and Resume hold the tasks of a queue, and let them go.
	Pause(ctx context.Context, queue string) error
	Resume(ctx context.Context, queue string) error
	// Release enqueues what was held for a flow in the pause that began at since.
	Release(ctx context.Context, flow int64, since time.Time) (int, error)
	// FlowRuns counts the runs of a flow that no worker executes.
	FlowRuns(ctx context.Context, flow int64) (queue.FlowRuns, error)
	// CancelFlow cancels them and returns how many; since as for Release, zero: the flow was not paused.
	CancelFlow(ctx context.Context, flow int64, since time.Time, why []byte) (int, error)
	// Drain makes a worker take nothing new for as long as rest is true.
	Drain(ctx context.Context, worker string, rest bool) error
}

// mountFleet adds the endpoints of who operates a fleet.
func (a *API) mountFleet(v1 *gin.RouterGroup) {
	read, write := httpx.Requires(auth.ScopeReadQueues), httpx.Requires(auth.ScopeWriteQueues)
	v1.GET("/queues", read, a.listQueues)
	v1.GET("/queues/:queue", read, a.readQueue)
	v1.POST("/queues/:queue/pause", write, a.holdQueue(Fleet.Pause))
	v1.POST("/queues/:queue/resume", write, a.holdQueue(Fleet.Resume))
	v1.GET("/workers", read, a.listWorkers)
	v1.GET("/workers/:worker", read, a.readWorker)
	v1.POST("/workers/:worker/drain", write, a.drainWorker(true))
	v1.POST("/workers/:worker/resume", write, a.drainWorker(false))
}

// queueView is a queue as its operator sees it.
type queueView struct {
	Name      string  `json:"name"`
	Shards    int     `json:"shards"` // over which it is spread; 1: it is not
	Paused    bool    `json:"paused"`
	Pending   int64   `json:"pending"` // tasks that wait for a worker
	Active    int64   `json:"active"`
	InLine    int64   `json:"in_line"` // tasks whose flow waits for its turn
	Backlog   int64   `json:"backlog"` // the first two: divided by the slots of a worker, how many workers there should be
	Oldest    float64 `json:"oldest_seconds"`
	OpenRuns  int64   `json:"open_runs"`
	Scheduled int64   `json:"scheduled"`
	Retry     int64   `json:"retry"`
	Archived  int64   `json:"archived"`
	Workers   int64   `json:"workers"`
}

func viewQueue(s *queue.Stats) queueView {
	return queueView{
		Name: s.Queue, Shards: s.Shards, Paused: s.Paused, Pending: s.Pending, Active: s.Active, InLine: s.InLine, Backlog: s.Pending + s.Active,
		Oldest: s.Oldest.Seconds(), OpenRuns: s.Open, Scheduled: s.Scheduled, Retry: s.Retry, Archived: s.Archived, Workers: s.Workers,
	}
}

// sharingView is a queue with who waits for its slots.
type sharingView struct {
	queueView
	Slots int        `json:"slots"`
	Spare int        `json:"spare_slots"`
	Share int        `json:"flow_share"` // of a flow without a share of its own, in percent
	Turns int64      `json:"turns"`      // given since the queue is there
	Lines []lineView `json:"lines"`      // whose turn is next
	More  int        `json:"more_lines"` // flows in line that are not among Lines
}

// lineView is a flow in line.
type lineView struct {
	Flow     int64   `json:"flow"`
	Now      int     `json:"now"`
	Waited   int     `json:"waited"`
	Unwaited int     `json:"unwaited"`
	Oldest   float64 `json:"oldest_seconds"`
	Share    int     `json:"share"`
	Paused   bool    `json:"paused"`
}

// viewSharing adds who waits to a queue. Flows that the principal may not see have no line.
func (a *API) viewSharing(ctx context.Context, v queueView, may func(flow int64) bool) (sharingView, error) {
	out := sharingView{queueView: v, Lines: []lineView{}}
	all, err := a.config.Fleet.Sharing(ctx)
	for i := range all {
		s := &all[i]
		if s.Queue != v.Name {
			continue
		}
		out.Slots, out.Spare, out.Share, out.Turns, out.More = s.Slots, s.Spare, s.Share, s.Turns, s.More
		for _, l := range s.Lines {
			if may(l.Flow) {
				share := cmp.Or(l.Share, s.Share)
				out.Lines = append(out.Lines, lineView{l.Flow, l.Now, l.Waited, l.Unwaited, l.Oldest().Seconds(), share, a.runner.Paused(l.Flow)})
			}
		}
	}
	return out, err
}

// queues reads all of them.
func (a *API) queues(ctx context.Context) ([]queueView, error) {
	all, err := a.config.Fleet.Stats(ctx)
	views := make([]queueView, len(all))
	for i := range all {
		views[i] = viewQueue(&all[i])
	}
	return views, err
}

// listQueues answers GET /v1/queues.
func (a *API) listQueues(c *gin.Context) {
	views, err := a.queues(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.List(c, listing.Schema[queueView]{Order: "name", Fields: []listing.Field[queueView]{
		listing.Text("name", func(v *queueView) string { return v.Name }),
		listing.Bool("paused", func(v *queueView) bool { return v.Paused }),
		listing.Number("pending", func(v *queueView) int64 { return v.Pending }),
		listing.Number("active", func(v *queueView) int64 { return v.Active }),
		listing.Number("in_line", func(v *queueView) int64 { return v.InLine }),
		listing.Number("backlog", func(v *queueView) int64 { return v.Backlog }),
		listing.Number("open_runs", func(v *queueView) int64 { return v.OpenRuns }),
		listing.Number("workers", func(v *queueView) int64 { return v.Workers }),
	}}, views)
}

var errNoQueue = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such queue"}

// readQueue answers GET /v1/queues/{queue}, also for autoscalers.
func (a *API) readQueue(c *gin.Context) {
	views, err := a.queues(c.Request.Context())
	for i := range views {
		if views[i].Name == c.Param("queue") {
			p := httpx.StateOf(c).Principal
			v, err := a.viewSharing(c.Request.Context(), views[i], func(flow int64) bool { return p.May(auth.ScopeReadQueues, flow) })
			if err != nil {
				httpx.Fail(c, err)
				return
			}
			httpx.WriteJSON(c, http.StatusOK, v)
			return
		}
	}
	if err == nil {
		err = errNoQueue
	}
	httpx.Fail(c, err)
}

// holdQueue answers POST /v1/queues/{queue}/pause and /resume with the queue.
func (a *API) holdQueue(change func(Fleet, context.Context, string) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := change(a.config.Fleet, c.Request.Context(), c.Param("queue")); err != nil {
			httpx.Fail(c, unknownAs(err, errNoQueue))
			return
		}
		a.readQueue(c)
	}
}

// workerView is a worker as its operator sees it.
type workerView struct {
	ID        string       `json:"id"`
	Host      string       `json:"host"`
	PID       int          `json:"pid"`
	Version   string       `json:"version"`
	StartedAt time.Time    `json:"started_at,omitzero"`
	SeenAt    time.Time    `json:"seen_at"`
	Draining  bool         `json:"draining"`
	Slots     int          `json:"slots"`
	Queues    []servedView `json:"queues"`
	Runs      []heldView   `json:"runs"`
}

type servedView struct {
	Name  string `json:"name"`
	Slots int    `json:"slots"`
}

type heldView struct {
	ID        string    `json:"run_id"`
	Flow      int64     `json:"flow"`
	Queue     string    `json:"queue"`
	Attempt   int       `json:"attempt"`
	StartedAt time.Time `json:"started_at"`
}

func viewWorker(w *queue.Worker) workerView {
	v := workerView{
		ID: w.ID, Host: w.Host, PID: w.PID, Version: w.Version, StartedAt: httpx.InUTC(w.Started), SeenAt: w.Seen.UTC(),
		Draining: w.Draining, Slots: w.Slots(), Queues: []servedView{}, Runs: []heldView{},
	}
	for _, q := range w.Queues {
		v.Queues = append(v.Queues, servedView{q.Queue, q.Slots})
	}
	for _, r := range w.Runs {
		v.Runs = append(v.Runs, heldView{r.ID, r.Flow, r.Queue, r.Attempt, r.Started.UTC()})
	}
	return v
}

func (a *API) workers(ctx context.Context) ([]workerView, error) {
	all, err := a.config.Fleet.Workers(ctx)
	views := make([]workerView, len(all))
	for i := range all {
		views[i] = viewWorker(&all[i])
	}
	return views, err
}

// listWorkers answers GET /v1/workers.
func (a *API) listWorkers(c *gin.Context) {
	views, err := a.workers(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.List(c, listing.Schema[workerView]{Order: "id", Fields: []listing.Field[workerView]{
		listing.Text("id", func(v *workerView) string { return v.ID }),
		listing.Text("host", func(v *workerView) string { return v.Host }),
		listing.Text("version", func(v *workerView) string { return v.Version }),
		listing.Bool("draining", func(v *workerView) bool { return v.Draining }),
		listing.Number("slots", func(v *workerView) int64 { return int64(v.Slots) }),
		listing.Time("started_at", func(v *workerView) time.Time { return v.StartedAt }),
		listing.Time("seen_at", func(v *workerView) time.Time { return v.SeenAt }),
	}}, views)
}

var errNoWorker = &httpx.Fault{Status: http.StatusNotFound, Code: "not_found", Message: "there is no such worker"}

// readWorker answers GET /v1/workers/{worker}.
func (a *API) readWorker(c *gin.Context) {
	views, err := a.workers(c.Request.Context())
	for i := range views {
		if views[i].ID == c.Param("worker") {
			httpx.WriteJSON(c, http.StatusOK, views[i])
			return
		}
	}
	if err == nil {
		err = errNoWorker
	}
	httpx.Fail(c, err)
}

// drainWorker answers POST /v1/workers/{worker}/drain and /resume with the
// worker, which does as it is told within about a second.
func (a *API) drainWorker(rest bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := a.config.Fleet.Drain(c.Request.Context(), c.Param("worker"), rest); err != nil {
			httpx.Fail(c, unknownAs(err, errNoWorker))
			return
		}
		a.readWorker(c)
	}
}

// unknownAs says of what is not there that it is not.
func unknownAs(err error, missing *httpx.Fault) error {
	if errors.Is(err, queue.ErrNotFound) {
		return missing
	}
	return err
}

package fleet

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/queue"
)

// queueView is a queue in responses.
type queueView struct {
	Name      string  `json:"name"`
	Shards    int     `json:"shards"` // number of shards
	Paused    bool    `json:"paused"`
	Pending   int64   `json:"pending"` // tasks waiting for a worker
	Active    int64   `json:"active"`
	InLine    int64   `json:"in_line"` // runs in the lines of their flows
	Backlog   int64   `json:"backlog"` // pending + active; divided by the slots of a worker it is the needed number of workers
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

// sharingView is a queue with the lines of its flows.
type sharingView struct {
	queueView
	Slots      int        `json:"slots"`
	Spare      int        `json:"spare_slots"`
	Share      int        `json:"flow_share"`      // share in percent of a flow without a configured one
	Turns      int64      `json:"turns"`           // since the creation of the queue
	Collecting int64      `json:"collecting_runs"` // runs that wait for further events
	Lines      []lineView `json:"lines"`           // flows with the next turns
	More       int        `json:"more_lines"`      // number of flows in line that Lines does not have
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

// viewSharing adds the lines of the flows to a queue. Flows that the principal may not see are left out.
func (a *api) viewSharing(ctx context.Context, v queueView, may func(flow int64) bool) (sharingView, error) {
	out := sharingView{queueView: v, Lines: []lineView{}}
	all, err := a.config.Fleet.Sharing(ctx)
	for i := range all {
		s := &all[i]
		if s.Queue != v.Name {
			continue
		}
		out.Slots, out.Spare, out.Share, out.Turns, out.More, out.Collecting = s.Slots, s.Spare, s.Share, s.Turns, s.More, s.Collecting
		for _, l := range s.Lines {
			if may(l.Flow) {
				share := cmp.Or(l.Share, s.Share)
				out.Lines = append(out.Lines, lineView{l.Flow, l.Now, l.Waited, l.Unwaited, l.Oldest().Seconds(), share, a.config.Paused(l.Flow)})
			}
		}
	}
	return out, err
}

// queues returns all queues.
func (a *api) queues(ctx context.Context) ([]queueView, error) {
	all, err := a.config.Fleet.Stats(ctx)
	views := make([]queueView, len(all))
	for i := range all {
		views[i] = viewQueue(&all[i])
	}
	return views, err
}

// listQueues answers GET /v1/queues.
func (a *api) listQueues(c *gin.Context) {
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
func (a *api) readQueue(c *gin.Context) {
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

// setPaused answers POST /v1/queues/{queue}/pause and /resume with the queue.
func (a *api) setPaused(change func(Fleet, context.Context, string) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := change(a.config.Fleet, c.Request.Context(), c.Param("queue")); err != nil {
			httpx.Fail(c, replaceNotFound(err, errNoQueue))
			return
		}
		a.readQueue(c)
	}
}

// replaceNotFound returns missing for queue.ErrNotFound, and other errors unchanged.
func replaceNotFound(err error, missing *httpx.Fault) error {
	if errors.Is(err, queue.ErrNotFound) {
		return missing
	}
	return err
}

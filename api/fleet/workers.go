package fleet

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/queue"
)

// workerView is a worker in responses.
type workerView struct {
	ID        string         `json:"id"`
	Host      string         `json:"host"`
	PID       int            `json:"pid"`
	Version   string         `json:"version"`
	StartedAt time.Time      `json:"started_at,omitzero"`
	SeenAt    time.Time      `json:"seen_at"`
	Draining  bool           `json:"draining"`
	Slots     int            `json:"slots"`
	Queues    []servedView   `json:"queues"`
	Runs      []inFlightView `json:"runs"`
}

type servedView struct {
	Name  string `json:"name"`
	Slots int    `json:"slots"`
}

type inFlightView struct {
	ID        string    `json:"run_id"`
	Flow      int64     `json:"flow"`
	Queue     string    `json:"queue"`
	Attempt   int       `json:"attempt"`
	StartedAt time.Time `json:"started_at"`
}

func viewWorker(w *queue.Worker) workerView {
	v := workerView{
		ID: w.ID, Host: w.Host, PID: w.PID, Version: w.Version, StartedAt: httpx.InUTC(w.Started), SeenAt: w.Seen.UTC(),
		Draining: w.Draining, Slots: w.Slots(), Queues: []servedView{}, Runs: []inFlightView{},
	}
	for _, q := range w.Queues {
		v.Queues = append(v.Queues, servedView{q.Queue, q.Slots})
	}
	for _, r := range w.Runs {
		v.Runs = append(v.Runs, inFlightView{r.ID, r.Flow, r.Queue, r.Attempt, r.Started.UTC()})
	}
	return v
}

func (a *api) workers(ctx context.Context) ([]workerView, error) {
	all, err := a.config.Fleet.Workers(ctx)
	views := make([]workerView, len(all))
	for i := range all {
		views[i] = viewWorker(&all[i])
	}
	return views, err
}

// listWorkers answers GET /v1/workers.
func (a *api) listWorkers(c *gin.Context) {
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
func (a *api) readWorker(c *gin.Context) {
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

// drainWorker answers POST /v1/workers/{worker}/drain and /resume with the worker, which follows within about a
// second.
func (a *api) drainWorker(drain bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := a.config.Fleet.Drain(c.Request.Context(), c.Param("worker"), drain); err != nil {
			httpx.Fail(c, replaceNotFound(err, errNoWorker))
			return
		}
		a.readWorker(c)
	}
}

package runs

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/api/runner"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue"
)

// bulkInput is the body of a request to begin an operation.
type bulkInput struct {
	Filter  string            `json:"filter"` // that of GET /v1/runs
	Search  string            `json:"search"` // likewise
	Runs    []string          `json:"runs"`   // ids, instead of both
	Action  operation.Action  `json:"action"`
	Rate    int               `json:"rate"`    // runs in a second; 0: 50
	Version string            `json:"version"` // of actions that start runs: "pinned" or "current"
	Assume  map[string]string `json:"assume"`  // "done" or "not_done", by step, where it is uncertain
	DryRun  bool              `json:"dry_run"` // answer with the plan alone
	AsOf    time.Time         `json:"as_of"`   // that of the plan; zero: now
}

// beginOperation answers POST /v1/runs/bulk with 202 and the operation, or with the plan of a dry run.
func (a *api) beginOperation(c *gin.Context) {
	var want bulkInput
	if err := httpx.ReadJSON(c, &want); err != nil {
		httpx.Fail(c, err)
		return
	}
	x := httpx.StateOf(c)
	about := operation.About{
		Action: want.Action, Filter: want.Filter, Search: want.Search, Chosen: want.Runs != nil, Rate: want.Rate, Version: want.Version, Assume: want.Assume,
		By: x.Principal.String(), Created: httpx.Now(c).UTC(), KeepCallers: !x.Principal.ReadsAll(),
	}
	if err := about.Complete(); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.KeepOpen(c, maxBulkTime)
	choice := runlist.Choice{Filter: want.Filter, Search: want.Search, Runs: want.Runs, AsOf: want.AsOf}
	reader := struct {
		runlist.Lister
		runner.Records
	}{runaccess.Runs{Lister: a.config.Runs, Principal: x.Principal}, a.config.Records}
	runs, err := runlist.Choose(c.Request.Context(), reader, choice, operation.MaxRuns, func(r *queue.Record) bool {
		return x.Principal.MayOperate(r.Flow, about.Action.Starts(), a.config.Operations.Executes(c.Request.Context(), &about, r))
	})
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	if want.DryRun {
		plan, err := a.config.Operations.Plan(c.Request.Context(), about, runs)
		if err != nil {
			httpx.Fail(c, err)
			return
		}
		x.Object = string(about.Action) + ", dry run"
		httpx.WriteJSON(c, http.StatusOK, plan)
		return
	}
	o, err := a.config.Operations.Create(c.Request.Context(), about, runs)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	x.Object = o.Audited()
	c.Header("Location", "/v1/operations/"+o.ID)
	httpx.WriteJSON(c, http.StatusAccepted, o)
}

// maxBulkTime is longer than the choice of runs and a plan may take.
const maxBulkTime = runlist.MaxCollectTime + operation.MaxPlanTime

// operationSchema returns the fields by which operations can be filtered and ordered.
func operationSchema() listing.Schema[operation.Operation] {
	type op = operation.Operation
	return listing.Schema[op]{
		Order: "-created_at",
		Fields: []listing.Field[op]{
			listing.Text("id", func(o *op) string { return o.ID }),
			listing.Word("action", operation.Actions(), func(o *op) operation.Action { return o.Action }),
			listing.Word("state", []operation.State{operation.Running, operation.Done, operation.Stopped}, func(o *op) operation.State { return o.State }),
			listing.Text("by", func(o *op) string { return o.By }),
			listing.Number("total", func(o *op) int64 { return int64(o.Total) }),
			listing.Number("failed", func(o *op) int64 { return int64(o.Failed) }),
			listing.Number("skipped", func(o *op) int64 { return int64(o.Skipped) }),
			listing.Time("created_at", func(o *op) time.Time { return o.Created }),
		},
	}
}

// mayRead reports whether a principal may read an operation: its own, and, as staff for all flows, those of others.
func mayRead(p *auth.Principal, o *operation.Operation) bool {
	return o.By == p.String() || p.Flows == nil && p.MayForOthers(auth.ScopeReadRuns, 0)
}

// listOperations answers GET /v1/operations.
func (a *api) listOperations(c *gin.Context) {
	all, err := a.config.Operations.List(c.Request.Context())
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	visible := []operation.Operation{}
	for i := range all {
		if mayRead(httpx.StateOf(c).Principal, &all[i]) {
			visible = append(visible, all[i])
		}
	}
	httpx.List(c, operationSchema(), visible)
}

// operation returns the operation in the path, if the caller may read it.
func (a *api) operation(c *gin.Context) (*operation.Operation, error) {
	o, err := a.config.Operations.Read(c.Request.Context(), c.Param("operation"))
	if err == nil && !mayRead(httpx.StateOf(c).Principal, o) {
		return nil, operation.ErrNotFound
	}
	return o, err
}

// readOperation answers GET /v1/operations/{operation}.
func (a *api) readOperation(c *gin.Context) {
	o, err := a.operation(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, o)
}

// listResults answers GET /v1/operations/{operation}/results with a page of results, in the order of the runs.
func (a *api) listResults(c *gin.Context) {
	o, err := a.operation(c)
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	q, err := listing.Parse(c.Request.URL.RawQuery, listing.Schema[operation.Result]{})
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	page := listing.Page[operation.Result]{Page: q.Page, PageSize: q.PageSize, Total: o.Done + o.Failed + o.Skipped}
	if page.Items, err = a.config.Operations.Results(c.Request.Context(), o.ID, q.Offset(), q.PageSize); err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WritePage(c, q, page)
}

// stopOperation answers POST /v1/operations/{operation}/stop with the operation, which ends within a second or two.
func (a *api) stopOperation(c *gin.Context) {
	o, err := a.operation(c)
	if err == nil {
		err = a.config.Operations.Stop(c.Request.Context(), o.ID)
	}
	if err == nil {
		o, err = a.config.Operations.Read(c.Request.Context(), o.ID)
	}
	if err != nil {
		httpx.Fail(c, err)
		return
	}
	httpx.WriteJSON(c, http.StatusOK, o)
}

package console

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/operation"
	"github.com/penstock/penstock/queue"
)

// latestResults is the number of results on the page of an operation.
const latestResults = 50

// bulkPage shows what an action would do with all runs of a filter.
func bulkPage(req *requestState) error {
	about, runs, err := req.bulk(req.r.URL.Query().Get)
	if err != nil {
		return err
	}
	plan, err := req.console.config.Operations.Plan(req.ctx(), about, runs)
	if err != nil {
		return err
	}
	return req.render(http.StatusOK, view.BulkPage(req.page("runs", "Many runs"), view.Bulk{About: about, Plan: plan}))
}

// beginOperation begins an action on all runs of a filter.
func beginOperation(req *requestState) error {
	about, runs, err := req.bulk(req.r.PostFormValue)
	if err != nil {
		return err
	}
	o, err := req.console.config.Operations.Create(req.ctx(), about, runs)
	if err != nil {
		return err
	}
	req.audit("begin operation", o.Audited())
	return req.redirect(view.Root + "/operations/" + o.ID)
}

// bulk returns the operation that a form describes, and its runs.
func (req *requestState) bulk(value func(string) string) (about operation.About, runs []string, err error) {
	about = operation.About{
		Action: operation.Action(value("action")), Filter: value("filter"), By: req.who.String(), Created: req.console.config.Now().UTC(),
	}
	if text := value("rate"); text != "" {
		if about.Rate, err = strconv.Atoi(text); err != nil || about.Rate == 0 {
			about.Rate = -1
		}
	}
	if err := about.Complete(); err != nil {
		return about, nil, err
	}
	runs, err = runlist.Matching(req.ctx(), req.console.config.Queue, about.Filter, operation.MaxRuns, func(r *queue.Record) bool {
		return req.who.MayOperate(r.Flow, about.Action.Starts(), req.console.config.Operations.Executes(req.ctx(), &about, r))
	})
	return about, runs, err
}

// operationsPage lists the operations, the newest first.
func operationsPage(req *requestState) error {
	all, err := req.console.config.Operations.List(req.ctx())
	if err != nil {
		return err
	}
	return req.render(http.StatusOK, view.OperationsPage(req.page("runs", "Operations"), view.Operations{Items: all}))
}

// operationPage shows the progress of an operation.
func operationPage(req *requestState) error {
	o, err := req.console.config.Operations.Read(req.ctx(), req.r.PathValue("operation"))
	if err != nil {
		return err
	}
	progress := view.Progress{Operation: *o}
	n := o.Done + o.Failed + o.Skipped
	if progress.Results, err = req.console.config.Operations.Results(req.ctx(), o.ID, max(0, n-latestResults), latestResults); err != nil {
		return err
	}
	slices.Reverse(progress.Results)
	if req.fragment() {
		return req.render(http.StatusOK, view.ProgressBody(req.page("runs", ""), progress))
	}
	return req.render(http.StatusOK, view.ProgressPage(req.page("runs", "Operation"), progress))
}

// stopOperation asks for the end of an operation.
func stopOperation(req *requestState) error {
	id := req.r.PathValue("operation")
	if err := req.console.config.Operations.Stop(req.ctx(), id); err != nil {
		return err
	}
	req.audit("stop operation", id)
	return req.redirect(view.Root + "/operations/" + id)
}

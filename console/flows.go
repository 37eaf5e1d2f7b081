package console

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/flowpage"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// flowsPage lists the flows.
func flowsPage(req *requestState) error {
	var rows []view.FlowRow
	for _, head := range req.visibleFlows() {
		rows = append(rows, req.flowRow(head))
	}
	l, err := req.console.flowPages.List(req.ctx(), rows, req.r.URL.Query(), flowpage.Want{Runs: req.mayForSome(auth.ScopeWatchRuns), Away: req.away})
	if err != nil {
		return err
	}
	if l.Proposed, err = req.proposedCount(); err != nil {
		return err
	}
	page := req.page("flows", language.T(req.ctx(), "Flows"))
	if req.fragment() {
		req.w.Header().Set("HX-Replace-Url", l.URL())
		return req.render(200, view.FlowTable(page, l))
	}
	return req.render(200, view.FlowsPage(page, l))
}

func (req *requestState) flowRow(head store.Deployment) view.FlowRow {
	number := strconv.FormatInt(head.Number, 10)
	row := view.FlowRow{
		Number: head.Number, Slug: head.Slug, Name: cmp.Or(head.Name, head.Slug, "Flow "+number), Enabled: head.Enabled,
		Problem: head.Problem, Version: head.Version, Deployed: head.DeployedAt, Versions: len(head.History), Charted: req.charted(), Paused: head.Paused, Tags: head.Tags, Folder: head.Folder,
	}
	row.Next = req.console.firing(&head, req.console.config.Now())
	if flow, ok := req.console.config.Store.Flows().Find(number); ok {
		row.Trigger, row.Hook = flow.Trigger(), flow.Webhook != nil
	}
	return row
}

// head returns the flow with the number or slug in the path.
func (req *requestState) head() (store.Deployment, error) {
	return req.console.config.Store.Flows().Deployment(req.r.PathValue("flow"))
}

// enableFlow enables or disables the flow's own triggers.
func enableFlow(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	on := req.r.PostFormValue("enabled") == "true"
	if !on && head.Enabled {
		if sure, err := req.sure(view.SwitchOff(req.ctx(), req.flowRow(head))); !sure {
			return err
		}
	}
	if on {
		change := store.Change{By: req.who.String()}
		p, err := req.console.config.Store.Flows().Request(req.ctx(), store.ProposeEnable, head.Number, nil, nil, change)
		if p != nil || err != nil {
			return req.proposed("POST "+Root+"/flows/{flow}/enabled", p, err)
		}
	} else if err := req.console.config.Store.Flows().Enable(req.ctx(), head.Number, false); err != nil {
		return err
	}
	req.audit("POST "+Root+"/flows/{flow}/enabled", strconv.FormatInt(head.Number, 10))
	head.Enabled = on
	req.setNotice(view.EnabledNotice(req.ctx(), req.flowRow(head)))
	if req.r.PostFormValue("from") == "flow" {
		return req.redirect(Root + "/flows/" + strconv.FormatInt(head.Number, 10))
	}
	return req.redirect(Root + "/flows")
}

// pauseFlow pauses or resumes a flow. The user needs the scope for writing flows or the scope for operating queues.
func pauseFlow(req *requestState) error {
	if !req.may(auth.ScopeWriteFlows) && !req.may(auth.ScopeWriteQueues) && !req.may(auth.ScopeWriteRuns) {
		return errForbidden
	}
	head, err := req.head()
	if err != nil {
		return err
	}
	number, pause := strconv.FormatInt(head.Number, 10), req.r.PostFormValue("paused") == "true"
	since, err := req.console.config.Store.Flows().Pause(req.ctx(), head.Number, pause)
	if err != nil {
		return err
	}
	released := 0
	if !pause { // also when the flow was resumed before: a failure may have left waiting runs
		if released, err = req.console.config.Queue.ResumeFlow(req.ctx(), head.Number, since); err != nil {
			return err
		}
	}
	req.audit("POST "+Root+"/flows/{flow}/paused", number)
	req.setNotice(view.PauseNotice(req.ctx(), pause, released))
	if req.r.PostFormValue("from") == "list" {
		return req.redirect(Root + "/flows")
	}
	return req.redirect(Root + "/flows/" + number)
}

// deleteFlow deletes a flow. Accepted runs still end. If the flow is paused and has waiting runs, the form must choose
// whether these finish or are cancelled.
func deleteFlow(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	runs := req.r.PostFormValue("runs")
	if err := req.checkDeletion(head, runs); err != nil {
		return err
	}
	if err := req.console.config.Store.Flows().Delete(req.ctx(), head.Number); err != nil {
		return err
	}
	req.audit("POST "+Root+"/flows/{flow}/delete", strconv.FormatInt(head.Number, 10))
	if err := req.console.config.Deliveries.Stop(context.WithoutCancel(req.ctx()), head.Number); err != nil { // what was recorded is out of reach
		return err
	}
	if err := req.releaseDeleted(head, runs); err != nil {
		return err
	}
	req.setNotice(language.T(req.ctx(), "Flow %s was deleted.", strconv.FormatInt(head.Number, 10)))
	return req.redirect(Root + "/flows")
}

func (req *requestState) checkDeletion(head store.Deployment, runs string) error {
	if runs == "cancel" && !req.may(auth.ScopeWriteRuns) {
		return errForbidden
	}
	if runs == "cancel" || runs == "finish" || head.Paused.IsZero() {
		return nil
	}
	n, err := req.console.config.Queue.FlowRuns(req.ctx(), head.Number)
	if err == nil && n.Paused+n.Queued+n.Parked > 0 {
		err = &fault{http.StatusConflict, language.Key("The flow has runs that wait"), language.T(req.ctx(), "It is paused; %d of its runs wait and %d are parked: choose whether they finish or are cancelled.", n.Paused+n.Queued, n.Parked)}
	}
	return err
}

// releaseDeleted releases the waiting runs of a deleted flow, or cancels them.
func (req *requestState) releaseDeleted(head store.Deployment, runs string) error {
	ctx := context.WithoutCancel(req.ctx()) // the request cannot be repeated after the flow is deleted
	if runs == "cancel" {
		why, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: "the flow was deleted by " + req.who.Name})
		if err != nil {
			panic(err) // strings always encode
		}
		_, err = req.console.config.Queue.CancelFlow(ctx, head.Number, head.Paused, why)
		return err
	}
	if head.Paused.IsZero() {
		return nil
	}
	_, err := req.console.config.Queue.ResumeFlow(ctx, head.Number, head.Paused)
	return err
}

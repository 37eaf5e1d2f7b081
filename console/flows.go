package console

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// lastRuns bounds how many runs are looked through for the last ones.
const lastRuns = 1000

// flowsPage lists the flows.
func flowsPage(x *exchange) error {
	last, err := x.lastOfEach()
	if err != nil {
		return err
	}
	now := x.console.config.Now()
	var rows []view.FlowRow
	for _, head := range x.console.config.Store.Flows().List() {
		row := x.flowRow(head)
		if r := last[head.Number]; r != nil {
			run := x.runRow(r, now, nil)
			row.Last = &run
		}
		rows = append(rows, row)
	}
	return x.show(200, view.FlowsPage(x.page("flows", "Flows"), rows))
}

// lastOfEach returns the newest run of each flow, among the newest of all.
func (x *exchange) lastOfEach() (map[int64]*queue.Record, error) {
	last := map[int64]*queue.Record{}
	_, err := x.console.config.Queue.List(x.ctx(), queue.List{Most: lastRuns}, func(r *queue.Record) {
		if last[r.Flow] == nil {
			newest := *r
			last[r.Flow] = &newest
		}
	})
	return last, err
}

func (x *exchange) flowRow(head store.Head) view.FlowRow {
	number := strconv.FormatInt(head.Number, 10)
	row := view.FlowRow{
		Number: head.Number, Slug: head.Slug, Name: cmp.Or(head.Name, head.Slug, "Flow "+number), Enabled: head.Enabled,
		Problem: head.Problem, Version: head.Version, Deployed: head.DeployedAt, Versions: len(head.History), Paused: head.Paused,
	}
	if flow, ok := x.console.config.Store.Flows().Find(number); ok {
		row.Trigger = triggerOf(flow)
	}
	return row
}

// triggerOf names what starts a flow besides the API.
func triggerOf(f *flows.Flow) string {
	switch {
	case f.Schedule != nil && f.Schedule.Poll:
		return "poll"
	case f.Schedule != nil:
		return "schedule"
	case f.Webhook != nil:
		return "webhook"
	}
	return "manual"
}

// head finds the flow that the path names, by number or slug.
func (x *exchange) head() (store.Head, error) {
	return x.console.config.Store.Flows().Head(x.r.PathValue("flow"))
}

// enableFlow switches a flow's own triggers.
func enableFlow(x *exchange) error {
	head, err := x.head()
	if err != nil {
		return err
	}
	on := x.r.PostFormValue("enabled") == "true"
	if err := x.console.config.Store.Flows().Enable(x.ctx(), head.Number, on); err != nil {
		return err
	}
	x.audit("POST "+Root+"/flows/{flow}/enabled", strconv.FormatInt(head.Number, 10))
	head.Enabled = on
	if x.fragment() {
		return x.show(200, view.EnabledSwitch(x.page("flows", ""), x.flowRow(head)))
	}
	return x.redirect(Root + "/flows")
}

// deleteFlow removes a flow. Runs that were accepted end as they would have; of a paused
// flow with runs that wait, the form says whether they do or are cancelled.
func deleteFlow(x *exchange) error {
	head, err := x.head()
	if err != nil {
		return err
	}
	runs := x.r.PostFormValue("runs")
	if err := x.checkDeletion(head, runs); err != nil {
		return err
	}
	if err := x.console.config.Store.Flows().Delete(x.ctx(), head.Number); err != nil {
		return err
	}
	x.audit("POST "+Root+"/flows/{flow}/delete", strconv.FormatInt(head.Number, 10))
	if err := x.settleDeleted(head, runs); err != nil {
		return err
	}
	x.leaveNotice("Flow " + strconv.FormatInt(head.Number, 10) + " was deleted.")
	return x.redirect(Root + "/flows")
}

func (x *exchange) checkDeletion(head store.Head, runs string) error {
	if runs == "cancel" && !x.may(auth.ScopeWriteRuns) {
		return errForbidden
	}
	if runs == "cancel" || runs == "finish" || head.Paused.IsZero() {
		return nil
	}
	n, err := x.console.config.Queue.FlowRuns(x.ctx(), head.Number)
	if err == nil && n.Paused+n.Queued+n.Parked > 0 {
		err = &fault{http.StatusConflict, "The flow has runs that wait", fmt.Sprintf("It is paused, and %d of its runs are held, %d parked: choose whether they end or are cancelled.", n.Paused+n.Queued, n.Parked)}
	}
	return err
}

// settleDeleted lets go of the runs of a flow that was deleted, or cancels them.
func (x *exchange) settleDeleted(head store.Head, runs string) error {
	ctx := context.WithoutCancel(x.ctx()) // the flow is gone: nobody can ask again
	if runs == "cancel" {
		why, err := json.Marshal(flows.Error{Code: flows.CodeCancelled, Message: "the flow was deleted by " + x.who.Name})
		if err != nil {
			panic(err) // texts always encode
		}
		_, err = x.console.config.Queue.CancelFlow(ctx, head.Number, head.Paused, why)
		return err
	}
	if head.Paused.IsZero() {
		return nil
	}
	_, err := x.console.config.Queue.ResumeFlow(ctx, head.Number, head.Paused)
	return err
}

// rollBack makes an earlier version the current one.
func rollBack(x *exchange) error {
	head, err := x.head()
	if err != nil {
		return err
	}
	version := x.r.PostFormValue("version")
	if err := x.console.config.Store.Flows().Rollback(x.ctx(), head.Number, version); err != nil {
		return err
	}
	x.audit("POST "+Root+"/flows/{flow}/rollback", strconv.FormatInt(head.Number, 10))
	x.leaveNotice("Version " + view.Short(version) + " is the current one again.")
	return x.redirect(Root + "/flows/" + strconv.FormatInt(head.Number, 10) + "/versions")
}

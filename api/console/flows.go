package console

import (
	"cmp"
	"strconv"

	"penstock/api/console/view"
	"penstock/flows"
	"penstock/internal/store"
	"penstock/queue"
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

// deleteFlow removes a flow. Runs that were accepted end as they would have.
func deleteFlow(x *exchange) error {
	head, err := x.head()
	if err != nil {
		return err
	}
	if err := x.console.config.Store.Flows().Delete(x.ctx(), head.Number); err != nil {
		return err
	}
	x.audit("POST "+Root+"/flows/{flow}/delete", strconv.FormatInt(head.Number, 10))
	x.leaveNotice("Flow " + strconv.FormatInt(head.Number, 10) + " was deleted.")
	return x.redirect(Root + "/flows")
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

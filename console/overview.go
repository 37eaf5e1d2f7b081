package console

import (
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// overviewPage shows how the product does, and a newcomer what to do.
func overviewPage(x *exchange) error {
	o, err := x.overview()
	if err != nil {
		return err
	}
	return x.show(200, view.OverviewPage(x.page("overview", "Overview"), o))
}

// overviewPulse is the part of the overview that changes.
func overviewPulse(x *exchange) error {
	o, err := x.overview()
	if err != nil {
		return err
	}
	return x.show(200, view.OverviewPulse(x.page("overview", ""), o))
}

// shownRuns are listed on the overview.
const shownRuns = 8

func (x *exchange) overview() (view.Overview, error) {
	looked, err := x.console.pulse.take(x.ctx())
	if err != nil {
		return view.Overview{}, err
	}
	o := view.Overview{Pulse: looked, Flows: len(x.console.config.Store.Flows().List())}
	now, names := x.console.config.Now(), x.flowNames()
	_, err = x.console.config.Queue.List(x.ctx(), queue.List{Most: shownRuns}, func(r *queue.Record) {
		o.Latest = append(o.Latest, x.runRow(r, now, names))
	})
	if err != nil {
		return o, err
	}
	if x.may(auth.ScopeClients) {
		if o.Keys, err = x.console.config.Store.Keys().Len(x.ctx()); err != nil {
			return o, err
		}
	}
	for _, f := range names {
		if o.First == "" || f.Name == "hello" {
			o.First = strconv.FormatInt(f.Number, 10)
		}
	}
	return o, nil
}

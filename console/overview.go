package console

import (
	"errors"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/queue"
)

// overviewPage shows the state of the installation, and the first steps for a new user.
func overviewPage(req *requestState) error {
	o, err := req.overview()
	if err != nil {
		return err
	}
	if o.Chart, err = req.chart(0); err != nil && !errors.Is(err, history.ErrUnavailable) {
		return err
	}
	return req.render(200, view.OverviewPage(req.page("overview", "Overview"), o))
}

// overviewFragment is the part of the overview that is refreshed.
func overviewFragment(req *requestState) error {
	o, err := req.overview()
	if err != nil {
		return err
	}
	return req.render(200, view.OverviewFragment(req.page("overview", ""), o))
}

// latestRuns is the number of runs listed on the overview.
const latestRuns = 8

func (req *requestState) overview() (view.Overview, error) {
	looked, err := req.console.overviewCache.get(req.ctx())
	if err != nil {
		return view.Overview{}, err
	}
	o := view.Overview{Activity: looked, Flows: len(req.console.config.Store.Flows().List()), Charted: req.charted()}
	now, names := req.console.config.Now(), req.flowNames()
	_, _, err = req.console.config.Queue.List(req.ctx(), queue.List{Most: latestRuns}, func(r *queue.Record) {
		o.Latest = append(o.Latest, req.runRow(r, now, names))
	})
	if err = queue.WithoutHistory(err); err != nil {
		return o, err
	}
	if req.may(auth.ScopeClients) {
		if o.Keys, err = req.console.config.Store.Keys().Len(req.ctx()); err != nil {
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

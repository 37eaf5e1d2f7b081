package console

import (
	"errors"
	"strconv"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/history"
	"github.com/penstock/penstock/queue"
)

// overviewPage shows the state of the installation, and the first steps for a new user.
func overviewPage(req *requestState) error {
	if !req.may(auth.ScopeReadRuns) { // the figures are those of all flows
		return req.redirect(Root + "/flows")
	}
	o, err := req.overview()
	if err != nil {
		return err
	}
	if o.Chart, err = req.chart(0); err != nil && !errors.Is(err, history.ErrUnavailable) {
		return err
	}
	return req.render(200, view.OverviewPage(req.page("overview", language.T(req.ctx(), "Overview")), o))
}

// overviewFragment is the part of the overview that is refreshed.
func overviewFragment(req *requestState) error {
	if !req.may(auth.ScopeReadRuns) {
		return errForbidden
	}
	o, err := req.overview()
	if err != nil {
		return err
	}
	return req.render(200, view.OverviewFragment(req.page("overview", ""), o))
}

// latestRuns is the number of runs listed on the overview.
const latestRuns = 8

func (req *requestState) overview() (view.Overview, error) {
	o := view.Overview{Flows: len(req.console.config.Store.Flows().List()), Charted: req.charted(), Firings: req.firings()}
	var err error
	if req.away {
		o.Activity, o.AsOf = req.console.overviewCache.latest()
		o.Unknown = o.AsOf.IsZero()
	} else if o.Activity, err = req.console.overviewCache.get(req.ctx()); err != nil {
		return view.Overview{}, err
	}
	now, names := req.console.config.Now(), req.flowNames()
	_, _, err = req.runs().List(req.ctx(), queue.List{Most: latestRuns}, func(r *queue.Record) {
		o.Latest = append(o.Latest, req.runRow(r, now, names))
	})
	if err = queue.WithoutHistory(err); err != nil && !req.away {
		return o, err
	}
	if !req.away {
		o.Needs = req.needs(&o.Activity)
	}
	if req.may(auth.ScopeClients) && !req.away {
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

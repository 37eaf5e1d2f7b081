package console

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/flowpage"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/history"
)

// Stats has the statistics of runs that have ended. *history.DB implements it.
type Stats interface {
	flowpage.History
}

// chartFragment is the chart of all flows, or of one, alone.
func chartFragment(req *requestState) error {
	flow, _ := strconv.ParseInt(req.r.URL.Query().Get("flow"), 10, 64)
	c, err := req.chart(flow)
	if err != nil {
		return err
	}
	if c == nil {
		return errNotFound
	}
	return req.render(200, view.ChartCard(*c))
}

// flowStatsPage shows the statistics of a flow.
func flowStatsPage(req *requestState) error {
	head, err := req.head()
	if err != nil {
		return err
	}
	c, err := req.chart(head.Number)
	if err != nil {
		return err
	}
	if c == nil {
		return errNotFound
	}
	return req.render(200, view.FlowStatsPage(req.page("flows", head.Name), req.flowRow(head), *c))
}

// chart reads the chart of a flow, or of all for zero, for the time that the URL chooses. nil: there is none, because there is
// no history or the user may not read runs.
func (req *requestState) chart(flow int64) (*view.Chart, error) {
	if !req.charted() {
		return nil, nil
	}
	ranges := view.ChartRanges()
	c := &view.Chart{Flow: flow, Range: ranges[1]}
	for _, r := range ranges {
		if r.Name == req.r.URL.Query().Get("range") {
			c.Range = r
		}
	}
	c.Times = req.r.URL.Query().Get("times")
	step, isStep := strings.CutPrefix(c.Times, view.TimesOfStep)
	if !isStep {
		step = ""
	}
	if !isStep && c.Times != view.TimesWait {
		c.Times = view.TimesTook
	}
	now := req.console.config.Now()
	q := history.StatsQuery{From: now.Add(c.Range.Width - c.Range.Span), To: now, Width: c.Range.Width, Step: step, Now: now}
	if flow != 0 {
		q.Flows = []int64{flow}
	}
	var err error
	if c.Stats, err = req.console.config.Stats.Stats(req.ctx(), q); err != nil {
		return nil, err
	}
	q.From, q.To = c.Stats.From.AddDate(0, 0, -7), c.Stats.To.AddDate(0, 0, -7)
	if c.Before, err = req.console.config.Stats.Stats(req.ctx(), q); err != nil {
		return nil, err
	}
	c.Deploys = req.deploys(flow, c.Stats)
	return c, nil
}

// deploys are the versions of a flow, or of all for zero, that were deployed within the time of a chart. Those within the width
// of one bar are one.
func (req *requestState) deploys(flow int64, s *history.Stats) (all []view.Deploy) {
	type bar struct {
		at      time.Time
		flows   []string // by name, each once
		number  int64    // of the last of them
		version string
	}
	bars := map[int64]*bar{}
	for _, head := range req.visibleFlows() {
		if flow != 0 && head.Number != flow {
			continue
		}
		for _, d := range head.History {
			if !d.DeployedAt.After(s.From) || !d.DeployedAt.Before(s.To) {
				continue
			}
			i := int64(d.DeployedAt.Sub(s.From) / s.Width)
			if flow != 0 {
				i = d.DeployedAt.UnixNano() // each version of one flow is a mark of its own
			}
			if bars[i] == nil {
				bars[i] = &bar{at: d.DeployedAt}
			}
			name := cmp.Or(head.Name, head.Slug, "flow "+strconv.FormatInt(head.Number, 10))
			if !slices.Contains(bars[i].flows, name) {
				bars[i].flows = append(bars[i].flows, name)
			}
			bars[i].number, bars[i].version = head.Number, d.Version
		}
	}
	for _, b := range bars {
		d := view.Deploy{Flow: b.number, Version: b.version, At: b.at, Flows: b.flows}
		if flow != 0 {
			d.Flows = nil
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b view.Deploy) int { return a.At.Compare(b.At) })
	return all
}

// charted reports whether the user sees charts.
func (req *requestState) charted() bool {
	return req.console.config.Stats != nil && req.may(auth.ScopeReadRuns)
}

package console

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/api/runaccess"
	"github.com/penstock/penstock/api/runlist"
	"github.com/penstock/penstock/auth"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/searchbox"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/queue"
)

// duration returns the time from acceptance to the end of the run, or to now; zero when both are zero.
func duration(r *queue.Record, now time.Time) time.Duration {
	end := cmp.Or(r.Times.Finished, now)
	if end.IsZero() {
		return 0
	}
	return max(0, end.Sub(r.AcceptedAt()))
}

// runsPage lists runs. Its URL contains the whole search: the text of the box, or a filter of the API.
func runsPage(req *requestState) error {
	params := req.r.URL.Query()
	for name, values := range params { // forms send empty fields, too
		if strings.TrimSpace(values[0]) == "" {
			params.Del(name)
		}
	}
	if req.pickedTimes(params) || req.pickedColumns(params) {
		return req.redirect(view.RunsURL(params, nil))
	}
	text := params.Get(listing.ParamFilter)
	list := view.RunList{Params: params, Text: text, Flows: req.flowNames(), History: req.console.config.Stats != nil, Zone: req.zone().String()}
	search, err := searchbox.Parse(text, req.searchEnv())
	var wrong *searchbox.Error
	switch {
	case errors.As(err, &wrong):
		list.Trouble = view.MistakeOf(text, wrong)
	case err != nil:
		return err
	default:
		if words := params.Get(runlist.ParamSearch); words != "" { // a link of the API's language
			search.Words, search.Exact = strings.TrimSpace(search.Words+" "+words), true
		}
		if to, err := req.shortcut(search, &list); to != "" || err != nil {
			return cmp.Or(err, req.redirect(to))
		}
		if err := req.findRuns(search, &list); err != nil {
			return err
		}
	}
	return req.renderRuns(&list)
}

func (req *requestState) renderRuns(list *view.RunList) error {
	if err := req.addChoices(list); err != nil {
		return err
	}
	if req.fragment() {
		if req.r.Header.Get("HX-Trigger") != "runs" { // not the automatic refresh
			req.w.Header().Set("HX-Push-Url", view.RunsURL(list.Params, nil))
		}
		return req.render(200, view.RunsTable(req.page("runs", language.T(req.ctx(), "Runs")), *list))
	}
	return req.render(200, view.RunsPage(req.page("runs", language.T(req.ctx(), "Runs")), *list))
}

// listParams are the parameters of the API for a search.
func listParams(s *searchbox.Search, more url.Values) url.Values {
	params := url.Values{}
	for _, name := range []string{listing.ParamOrder, listing.ParamPage, listing.ParamPageSize, listing.ParamCursor} {
		if more.Get(name) != "" {
			params.Set(name, more.Get(name))
		}
	}
	if s.Filter != "" {
		params.Set(listing.ParamFilter, s.Filter)
	}
	if s.Words != "" {
		params.Set(runlist.ParamSearch, s.Words)
	}
	return params
}

// mayList reports whether a list may have a run.
func (req *requestState) mayList(r *queue.Record) bool { return runaccess.Watches(req.who, r) }

// findRuns reads one page of runs.
func (req *requestState) findRuns(s *searchbox.Search, list *view.RunList) error {
	list.Search, list.Order = s, cmp.Or(list.Params.Get(listing.ParamOrder), "-created_at")
	q, err := listing.ParseParams(listParams(s, list.Params), runlist.Schema())
	var page listing.Page[queue.Record]
	if began := time.Now(); err == nil {
		defer func() { list.Searched = time.Since(began) }()
		page, err = runlist.Find(req.ctx(), req.runs(), q, req.mayList)
	}
	var wrong *listing.Error
	if errors.As(err, &wrong) {
		list.Trouble = &view.Mistake{Message: wrong.Error()}
		return nil
	}
	if err != nil {
		return err
	}
	list.Page, list.PageSize, list.Total, list.AtLeast = page.Page, page.PageSize, page.Total, page.AtLeast
	list.Next, list.Looked, list.LookedBackTo, list.CountedBackTo = page.Next, page.Looked, page.LookedBackTo, page.CountedBackTo
	list.Warning = page.Warning
	if req.away {
		list.Warning, list.RedisAway = language.T(req.ctx(), "Redis does not answer: listed are the ended runs that the history has."), true
	}
	list.AtLeast = list.AtLeast || list.Warning != ""
	list.None = len(page.Items) == 0 && !list.AtLeast && list.Text == "" && s.Words == "" && q.Cursor == "" && q.Page == 1
	now := req.console.config.Now()
	for i := range page.Items {
		list.Items = append(list.Items, req.runRow(&page.Items[i], now, list.Flows))
	}
	if len(page.Items) > 0 {
		list.Newest = runlist.Cursor(&page.Items[0])
	}
	return nil
}

func (req *requestState) runRow(r *queue.Record, now time.Time, flows []view.FlowName) view.RunRow {
	row := view.RunRow{
		ID: r.ID, Flow: r.Flow, FlowName: language.T(req.ctx(), "flow %s", strconv.FormatInt(r.Flow, 10)), State: string(r.State), Principal: r.Principal,
		Queue: r.Queue, Attempt: r.Attempt, Created: r.AcceptedAt(), ReplayOf: r.ReplayOf, Labels: r.Labels,
	}
	if i := slices.IndexFunc(flows, func(f view.FlowName) bool { return f.Number == r.Flow }); i >= 0 {
		row.FlowName = flows[i].Name
	}
	if r.Error != nil {
		row.Error = r.Error.Error()
	}
	if r.State.Terminal() || r.State == queue.Running {
		row.Took = duration(r, now)
	}
	return row
}

// flowNames lists the flows for a selection.
func (req *requestState) flowNames() []view.FlowName {
	var names []view.FlowName
	for _, head := range req.visibleFlows() {
		names = append(names, view.FlowName{Number: head.Number, Name: cmp.Or(head.Slug, head.Name, "flow "+strconv.FormatInt(head.Number, 10)), Title: head.Name})
	}
	return names
}

// newerRuns tells how many runs of a search came after the first one of a list.
func newerRuns(req *requestState) error {
	params := req.r.URL.Query()
	s, err := searchbox.Parse(params.Get(listing.ParamFilter), req.searchEnv())
	if err != nil {
		return req.render(200, view.NewerRuns(view.RunsURL(nil, nil), 0, false))
	}
	asked := listParams(s, url.Values{listing.ParamOrder: {"created_at"}, listing.ParamCursor: {params.Get("after")}, listing.ParamPageSize: {strconv.Itoa(view.MaxNewer)}})
	q, err := listing.ParseParams(asked, runlist.Schema())
	if err != nil {
		return err
	}
	page, err := runlist.Find(req.ctx(), req.runs(), q, req.mayList)
	if err != nil {
		return err
	}
	params.Del("after")
	return req.render(200, view.NewerRuns(view.RunsURL(params, nil), min(page.Total, view.MaxNewer), page.Total > view.MaxNewer || page.AtLeast))
}

// mayAct reports whether the user may act on runs of some flows.
func (req *requestState) mayAct() bool { return req.mayForSome(auth.ScopeWriteRuns) }

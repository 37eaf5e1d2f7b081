package console

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/api/runlist"
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

var runID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// filterStart is how a filter begins; any other text is words to search.
var filterStart = regexp.MustCompile(`^[\s(]*(not\s*[\s(]+)?[a-z_]+\s+((eq|ne|lt|le|gt|ge|contains)\s|in\s*\()`)

// runsPage lists runs. Its URL contains the whole query, as in the API.
func runsPage(req *requestState) error {
	params := req.r.URL.Query()
	if id := strings.ToLower(strings.TrimSpace(params.Get("filter"))); runID.MatchString(id) {
		return req.redirect(Root + "/runs/" + id)
	}
	if text := params.Get("filter"); text != "" && !filterStart.MatchString(text) {
		params.Set(runlist.ParamSearch, text)
		params.Del("filter")
	}
	for name, values := range params { // forms send empty fields, too
		if values[0] == "" {
			params.Del(name)
		}
	}
	list, err := req.findRuns(params)
	if err != nil && faultOf(err).Status >= 500 {
		return err
	}
	if err != nil { // an invalid filter: the message is shown beside it
		list.Trouble = err.Error()
	}
	if req.fragment() {
		if req.r.Header.Get("HX-Trigger") != "runs" { // not the automatic refresh
			req.w.Header().Set("HX-Push-Url", view.RunsURL(params, nil))
		}
		return req.render(200, view.RunsTable(req.page("runs", "Runs"), list))
	}
	return req.render(200, view.RunsPage(req.page("runs", "Runs"), list))
}

// findRuns reads one page of runs.
func (req *requestState) findRuns(params url.Values) (view.RunList, error) {
	list := view.RunList{Params: params, Filter: params.Get("filter"), Search: params.Get(runlist.ParamSearch), Chosen: parseChosen(params.Get("filter")), Flows: req.flowNames()}
	q, err := listing.Parse(params.Encode(), runlist.Schema())
	if err != nil {
		return list, err
	}
	list.Order = cmp.Or(params.Get("order_by"), "-created_at")
	page, err := runlist.Find(req.ctx(), req.runs(), q, func(*queue.Record) bool { return true })
	if err != nil {
		return list, err
	}
	list.Page, list.PageSize, list.Total, list.AtLeast = page.Page, page.PageSize, page.Total, page.AtLeast
	list.Next, list.Looked, list.LookedBackTo = page.Next, page.Looked, page.LookedBackTo
	list.Warning = page.Warning
	if req.away {
		list.Warning = redisAwayWarning
	}
	list.None = len(page.Items) == 0 && !page.AtLeast && list.Filter == "" && list.Search == "" && q.Cursor == "" && q.Page == 1
	now := req.console.config.Now()
	for i := range page.Items {
		list.Items = append(list.Items, req.runRow(&page.Items[i], now, list.Flows))
	}
	return list, nil
}

func (req *requestState) runRow(r *queue.Record, now time.Time, flows []view.FlowName) view.RunRow {
	row := view.RunRow{
		ID: r.ID, Flow: r.Flow, FlowName: "flow " + strconv.FormatInt(r.Flow, 10), State: string(r.State), Principal: r.Principal,
		Queue: r.Queue, Attempt: r.Attempt, Created: r.AcceptedAt(), ReplayOf: r.ReplayOf,
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
	for _, head := range req.console.config.Store.Flows().List() {
		names = append(names, view.FlowName{Number: head.Number, Name: cmp.Or(head.Slug, head.Name, "flow "+strconv.FormatInt(head.Number, 10))})
	}
	return names
}

var simpleTerm = regexp.MustCompile(`^(state|flow) eq (?:"([a-z_]+)"|([0-9]+))$`)

// parseChosen parses a filter written by the buttons above the list: a state, a flow, or both. Other filters set Other.
func parseChosen(filter string) view.Chosen {
	var c view.Chosen
	if filter == "" {
		return c
	}
	for term := range strings.SplitSeq(filter, " and ") {
		switch m := simpleTerm.FindStringSubmatch(term); {
		case m != nil && m[1] == "state" && m[2] != "":
			c.State = m[2]
		case m != nil && m[1] == "flow" && m[3] != "":
			c.Flow, _ = strconv.ParseInt(m[3], 10, 64)
		default:
			return view.Chosen{Other: true}
		}
	}
	return c
}

package console

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/api/listing"
	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/searchbox"
	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/queue"
)

// cookieZone has the time zone of the browser, which the script sets.
const cookieZone = "penstock_zone"

// clock returns how times are printed for the user.
func (req *requestState) clock() view.Clock {
	return view.Clock{Zone: req.zone(), Chosen: req.user.Preferences.Zone, Hours: req.user.Preferences.Hours}
}

// zone returns the time zone that the user has chosen, or that of the browser; UTC if it has not said it.
func (req *requestState) zone() *time.Location {
	if req.user != nil && req.user.Preferences.Zone != "" {
		if zone, err := time.LoadLocation(req.user.Preferences.Zone); err == nil {
			return zone
		}
	}
	if cookie, err := req.r.Cookie(cookieZone); err == nil {
		if name, err := url.QueryUnescape(cookie.Value); err == nil && name != "Local" {
			if zone, err := time.LoadLocation(name); err == nil {
				return zone
			}
		}
	}
	return time.UTC
}

// searchEnv is what the text of the search box depends on.
func (req *requestState) searchEnv() searchbox.Env {
	return searchbox.Env{Now: req.console.config.Now(), Zone: req.zone(), Flow: req.flowOf}
}

// flowOf finds a flow by its slug or its name, whatever its capitals.
func (req *requestState) flowOf(name string) (int64, bool) {
	for _, head := range req.visibleFlows() {
		if strings.EqualFold(head.Slug, name) || strings.EqualFold(head.Name, name) {
			return head.Number, true
		}
	}
	return 0, false
}

// pickedTimes takes the fields of the time picker into the text of the box. The times that it adds name their zone, so that the
// address means the same to everybody.
func (req *requestState) pickedTimes(params url.Values) (changed bool) {
	text := params.Get(listing.ParamFilter)
	for _, name := range []string{searchbox.Since, searchbox.Until} {
		if !params.Has(name) {
			continue
		}
		at, err := time.ParseInLocation("2006-01-02T15:04", params.Get(name), req.zone())
		params.Del(name)
		changed = true
		s, wrong := searchbox.Parse(text, req.searchEnv())
		if err != nil || wrong != nil {
			continue // the box shows what is wrong with the text
		}
		text = s.With(name, at.Format("2006-01-02T15:04Z07:00"))
	}
	if changed {
		params.Del(listing.ParamCursor)
		params.Del(listing.ParamPage)
		params.Set(listing.ParamFilter, text)
	}
	return changed
}

const (
	// cookieColumns has the names of labels that are columns of the list, with commas.
	cookieColumns = "penstock_columns"
	// columnsAge is how long a browser keeps them, in seconds.
	columnsAge = 365 * 24 * 3600
)

// pickedColumns keeps the choice of columns in the browser.
func (req *requestState) pickedColumns(params url.Values) bool {
	if !params.Has("columns") {
		return false
	}
	req.setCookie(cookieColumns, strings.Join(validColumns(params["column"]), ","), columnsAge)
	params.Del("columns")
	params.Del("column")
	return true
}

// columns returns the names of labels that are columns of the list.
func (req *requestState) columns() []string {
	cookie, err := req.r.Cookie(cookieColumns)
	if err != nil {
		return nil
	}
	return validColumns(strings.Split(cookie.Value, ","))
}

func validColumns(names []string) (valid []string) {
	for _, name := range names {
		if flows.IsLabel(name) && !slices.Contains(valid, name) && len(valid) < view.MaxColumns {
			valid = append(valid, name)
		}
	}
	return valid
}

// maxSeveral is the maximum number of runs that are listed for a part of their ids.
const maxSeveral = 50

// shortcut returns the page that a text leads to: that of the only run with the id, or with an id of which the text is a part.
// A text that is the name of a flow becomes a filter.
func (req *requestState) shortcut(s *searchbox.Search, list *view.RunList) (to string, err error) {
	if s.Raw != "" || len(s.Terms) > 0 || s.Exact || s.Words == "" {
		return "", nil
	}
	if id := strings.TrimLeft(strings.ToLower(s.Words), "…."); queue.IsIDPart(id) && !req.away {
		if len(id) == len("019aa7b6-0000-7000-8000-000000000000") {
			return view.Root + "/runs/" + id, nil
		}
		ids, err := req.console.config.Queue.FindIDs(req.ctx(), id, maxSeveral+1)
		if err = queue.WithoutHistory(err); err != nil || len(ids) == 0 {
			return "", err
		}
		if len(ids) == 1 {
			return view.Root + "/runs/" + ids[0], nil
		}
		list.Several, s.Words = id, id
		if len(ids) <= maxSeveral { // else they are searched as words
			s.Terms, s.Words = []searchbox.Term{{Name: "run_id", Values: ids}}, ""
			s.Filter = `run_id in ("` + strings.Join(ids, `", "`) + `")`
		}
		return "", nil
	}
	if n, is := req.flowOf(s.Words); is {
		list.FlowFor = s.Words
		s.Terms = []searchbox.Term{{Name: "flow", Values: []string{s.Words}}}
		s.Filter, s.Words = "flow eq "+strconv.FormatInt(n, 10), ""
	}
	return "", nil
}

// addChoices adds what can be chosen above the list. While Redis does not answer, what it has is missing.
func (req *requestState) addChoices(list *view.RunList) (err error) {
	list.Columns, list.ColumnNames = req.columns(), req.labelNames(list)
	if req.away {
		return nil
	}
	list.Own, list.Shared, err = req.console.config.Store.SavedSearches().List(req.ctx(), req.user.Name)
	if err != nil || list.Search == nil {
		return err
	}
	for _, id := range list.Search.Values("failure") {
		if g, err := req.console.config.Failures.Failure(req.ctx(), id); err == nil {
			list.Failure = &view.FailureGroup{Group: g, FlowName: req.flowName(g.Flow)}
		}
	}
	return nil
}

// labelNames lists the labels that runs of deployed flows have, and those of the list.
func (req *requestState) labelNames(list *view.RunList) []string {
	seen := map[string]bool{}
	for _, name := range list.Columns {
		seen[name] = true
	}
	for _, row := range list.Items {
		for name := range row.Labels {
			seen[name] = true
		}
	}
	for _, flow := range req.deployedFlows() {
		for _, name := range flow.LabelNames() {
			seen[name] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// deployedFlows returns the current versions of the flows that can be used.
func (req *requestState) deployedFlows() (all []*flows.Flow) {
	for _, head := range req.visibleFlows() {
		if flow, ok := req.console.config.Store.Flows().Find(strconv.FormatInt(head.Number, 10)); ok {
			all = append(all, flow)
		}
	}
	return all
}

// searchOf reads the text of a form or of an address. Errors are shown as a page.
func (req *requestState) searchOf(text string) (*searchbox.Search, error) {
	s, err := searchbox.Parse(text, req.searchEnv())
	var wrong *searchbox.Error
	if errors.As(err, &wrong) {
		return nil, &fault{http.StatusBadRequest, language.Key("The search cannot be read"), wrong.Error()}
	}
	return s, err
}

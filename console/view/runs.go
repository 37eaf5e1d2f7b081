package view

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/searchbox"
	"github.com/penstock/penstock/store"
)

// FlowName is a flow in a selection.
type FlowName struct {
	Number int64
	Name   string // slug, or name
	Title  string // name; empty: it has none
}

// RunRow is a run in a list.
type RunRow struct {
	ID        string
	Flow      int64
	FlowName  string
	State     string
	Principal string
	Queue     string
	Attempt   int
	Created   time.Time
	Took      time.Duration // zero: it has not started
	Error     string
	ReplayOf  string
	Labels    map[string]string
}

// SavedSearch is a search with a name.
type SavedSearch = store.SavedSearch

const (
	// MaxColumns is the maximum number of labels that are columns of the list.
	MaxColumns = 4
	// MaxNewer is the number of newer runs beyond which they are not counted.
	MaxNewer = 99
)

// RunList is one page of runs.
type RunList struct {
	Params    url.Values        // as requested
	Text      string            // of the search box
	Search    *searchbox.Search // nil: the text cannot be read
	Trouble   *Mistake          // in the text; nil: none
	Warning   string            // why runs are missing; empty: none are
	RedisAway bool              // the list has ended runs of the history alone
	Order     string
	Flows     []FlowName
	History   bool   // there is a history of runs
	Zone      string // time zone of the browser, as far as it is known

	Several string        // part of an id that several runs have; empty: the text is none
	FlowFor string        // name of a flow that is the whole text; empty: it is none
	Failure *FailureGroup // that the runs are of; nil: they are of no certain one

	Columns     []string // labels that are columns
	ColumnNames []string // labels that may be columns
	Own, Shared []SavedSearch

	Items    []RunRow
	Newest   string // cursor of the first run; empty: there is none
	Page     int
	PageSize int
	Total    int
	AtLeast  bool   // Total is a lower bound
	Next     string // cursor of the next page; empty: none
	None     bool   // no run is known at all

	// CountedBackTo is the time until which Total counts, if it is a lower bound.
	CountedBackTo *time.Time

	// Number of runs that were searched, and the time of the oldest of them, for a page that is not full although there
	// may be more runs.
	Looked       int
	LookedBackTo *time.Time
	Searched     time.Duration // that the search took
}

// pollEvery is how often the list is refreshed, in steps of two seconds: so rarely that searching takes at most a tenth of the time.
func (l RunList) pollEvery() string { return strconv.Itoa(1 + int(l.Searched/(200*time.Millisecond))) }

// RunsURL returns the URL of the list with some parameters changed; an empty value removes a parameter.
func RunsURL(params url.Values, changes map[string]string) string {
	next := url.Values{}
	for name, values := range params {
		next.Set(name, values[0])
	}
	for name, value := range changes {
		if value == "" {
			next.Del(name)
		} else {
			next.Set(name, value)
		}
	}
	if len(next) == 0 {
		return Root + "/runs"
	}
	return Root + "/runs?" + next.Encode()
}

// searchURL returns the URL of the list for another text in the search box.
func (l RunList) searchURL(text string) string {
	return RunsURL(l.Params, map[string]string{"filter": text, "search": "", "page": "", "cursor": ""})
}

// with returns the URL of the list with a term in the place of those of its name; without them if it has no values.
func (l RunList) with(name string, values ...string) string {
	if l.Search == nil {
		return l.searchURL((&searchbox.Search{}).With(name, values...))
	}
	return l.searchURL(l.Search.With(name, values...))
}

// sortBy returns the URL of the list ordered by a field, descending; ascending if it is in that order already.
func (l RunList) sortBy(field string) string {
	order := "-" + field
	if l.Order == order {
		order = field
	}
	return RunsURL(l.Params, map[string]string{"order_by": order, "page": "", "cursor": ""})
}

// sorted returns the aria-sort value of a column.
func (l RunList) sorted(field string) string {
	switch l.Order {
	case field:
		return "ascending"
	case "-" + field:
		return "descending"
	}
	return "none"
}

// pageURL returns the URL of a page. The next page uses the cursor if there is one.
func (l RunList) pageURL(page int) string {
	if page > l.Page && l.Next != "" {
		return RunsURL(l.Params, map[string]string{"cursor": l.Next, "page": ""})
	}
	return RunsURL(l.Params, map[string]string{"page": strconv.Itoa(page)})
}

func (l RunList) last() int {
	if l.Next != "" {
		return l.Page + 1
	}
	return max(1, (l.Total+l.PageSize-1)/l.PageSize)
}

// span describes which runs are on the page.
func (l RunList) span(ctx context.Context) string {
	if l.Total == 0 || len(l.Items) == 0 {
		return language.T(ctx, "no runs")
	}
	from := (l.Page-1)*l.PageSize + 1
	text := language.T(ctx, "%d–%d of %d", from, from+len(l.Items)-1, l.Total)
	if l.AtLeast {
		text += "+"
	}
	if l.Params.Has("cursor") {
		text = language.T(ctx, "%s further ones", text)
	}
	return text
}

// live reports whether new runs would appear on the page.
func (l RunList) live() bool {
	return l.Page <= 1 && !l.Params.Has("cursor") && l.Order == "-created_at" && l.Trouble == nil
}

// newerURL returns where the number of newer runs is.
func (l RunList) newerURL() string {
	params := url.Values{"after": {l.Newest}}
	for name, values := range l.Params {
		if name != "cursor" && name != "page" {
			params[name] = values
		}
	}
	return Root + "/runs/newer?" + params.Encode()
}

// matching returns the text of the search box that all runs of the list match; empty: every run does.
func (l RunList) matching() string {
	if l.Search == nil {
		return ""
	}
	return l.Search.String()
}

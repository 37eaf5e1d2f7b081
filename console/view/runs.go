package view

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// FlowName is a flow in a selection.
type FlowName struct {
	Number int64
	Name   string
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
}

// Chosen is the state of the filter buttons above the list of runs.
type Chosen struct {
	State string // empty: any
	Flow  int64  // zero: any
	Other bool   // the filter cannot be expressed by the buttons
}

// RunList is one page of runs.
type RunList struct {
	Params   url.Values // as requested
	Filter   string
	Search   string // words; empty: none
	Warning  string // why runs are missing; empty: none are
	Order    string
	Trouble  string // error in the filter; empty: none
	Chosen   Chosen
	Flows    []FlowName
	Items    []RunRow
	Page     int
	PageSize int
	Total    int
	AtLeast  bool   // Total is a lower bound
	Next     string // cursor of the next page; empty: none
	None     bool   // no run is known at all

	// Number of runs that were searched, and the time of the oldest of them, for a page that is not full although there
	// may be more runs.
	Looked       int
	LookedBackTo *time.Time
}

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

// choose returns the URL of the list for a state and a flow of the filter buttons.
func (l RunList) choose(state string, flow int64) string {
	var terms []string
	if state != "" {
		terms = append(terms, `state eq "`+state+`"`)
	}
	if flow != 0 {
		terms = append(terms, "flow eq "+strconv.FormatInt(flow, 10))
	}
	return RunsURL(l.Params, map[string]string{"filter": strings.Join(terms, " and "), "page": "", "cursor": ""})
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
func (l RunList) span() string {
	looked := ""
	if l.LookedBackTo != nil {
		looked = " among " + count(l.Looked) + " runs, back to " + l.LookedBackTo.UTC().Format("2006-01-02 15:04:05") + " UTC"
	}
	if l.Total == 0 {
		return "no runs" + looked
	}
	from := (l.Page-1)*l.PageSize + 1
	text := count(from) + "–" + count(from+len(l.Items)-1) + " of " + count(l.Total)
	if l.AtLeast {
		text += "+"
	}
	if l.Params.Has("cursor") {
		text += " further ones"
	}
	return text + looked
}

// live reports whether new runs would appear on the page.
func (l RunList) live() bool {
	return l.Page <= 1 && !l.Params.Has("cursor") && l.Order == "-created_at" && l.Trouble == ""
}

// states lists the states of the filter buttons.
func states() []string {
	return []string{"running", "queued", "succeeded", "failed", "timed_out", "cancelled"}
}

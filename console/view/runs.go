package view

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// FlowName is a flow to choose from.
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
	Took      time.Duration // zero: it has not begun
	Error     string
	ReplayOf  string
}

// Chosen is what the buttons above the list of runs stand at.
type Chosen struct {
	State string // empty: any
	Flow  int64  // zero: any
	Other bool   // the filter says more than buttons can
}

// RunList is one page of runs.
type RunList struct {
	Params   url.Values // as asked
	Filter   string
	Order    string
	Trouble  string // why the filter cannot be read; empty: it can
	Chosen   Chosen
	Flows    []FlowName
	Items    []RunRow
	Page     int
	PageSize int
	Total    int
	AtLeast  bool   // there are more than were looked at
	Next     string // cursor behind this page; empty: there is none
	None     bool   // there has never been a run, as far as is known

	// Of a page that is not full although there may be more: how many runs were
	// looked at, and until which moment.
	Looked       int
	LookedBackTo *time.Time
}

// RunsURL is the address of the list of runs, with some parameters changed;
// an empty value takes a parameter away.
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

// choose is the address of the list with other buttons pressed.
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

// sortBy is the address of the list in the order of a field, turned round if
// it is in that order already.
func (l RunList) sortBy(field string) string {
	order := "-" + field
	if l.Order == order {
		order = field
	}
	return RunsURL(l.Params, map[string]string{"order_by": order, "page": "", "cursor": ""})
}

// sorted is how assistive technology is told of the order.
func (l RunList) sorted(field string) string {
	switch l.Order {
	case field:
		return "ascending"
	case "-" + field:
		return "descending"
	}
	return "none"
}

// pageURL is the address of a page; the one after this may be behind a cursor.
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

// span says which runs are on the page.
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

// live reports whether new runs would show up on the page.
func (l RunList) live() bool {
	return l.Page <= 1 && !l.Params.Has("cursor") && l.Order == "-created_at" && l.Trouble == ""
}

// states that the buttons offer.
func states() []string {
	return []string{"running", "queued", "succeeded", "failed", "timed_out", "cancelled"}
}

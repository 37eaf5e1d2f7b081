package view

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/penstock/penstock/console/language"
)

// FlowList is one page of the list of flows.
type FlowList struct {
	Rows []FlowRow
	Text string     // of the search box
	Tag  string     // that the flows must have; empty: any
	Tags []TagCount // of all flows, the most frequent first

	Proposed int // changes that wait for approval
	MoreTags int // that are not among them

	Sort  string // a column, with - before it for descending
	Page  int    // from 1
	Pages int
	Found int // flows that match
	All   int

	Over    string // the time of the figures: "24 hours"; empty: there are none
	Reading bool   // the figures are being read, and come in a moment
	Note    string // what is not known of the last results; empty: nothing
}

// TagCount is a tag with the number of flows that have it.
type TagCount struct {
	Tag   string
	Flows int
}

// flowColumn is a column of the list by which it can be sorted.
type flowColumn struct{ key, class, title, about string }

func (l *FlowList) columns(ctx context.Context) []flowColumn {
	over := l.Over
	if over == "" {
		over = language.T(ctx, "24 hours")
	}
	return []flowColumn{
		{"number", "num c-number", language.T(ctx, "No."), language.T(ctx, "The number of the flow")},
		{"name", "c-name", language.T(ctx, "Flow"), language.T(ctx, "The name of the flow")},
		{"trigger", "c-trigger", language.T(ctx, "Trigger"), language.T(ctx, "What starts a run without the API")},
		{"next", "c-next", language.In(ctx, "firing", "Next"), language.T(ctx, "When its schedule fires next")},
		{"last", "c-last", language.T(ctx, "Last result"), language.T(ctx, "How the last run ended; sorted by when that was")},
		{"errors", "num c-errors", language.T(ctx, "Errors"), language.T(ctx, "The part of the runs of the last %s that failed or took too long", over)},
		{"p95", "num c-p95", "p95", language.T(ctx, "95 of 100 runs of the last %s took no longer", over)},
		{"deployed", "c-deployed", language.T(ctx, "Deployed"), language.T(ctx, "When the current version was deployed")},
	}
}

// url is the list with other parameters: pairs of names and values; an empty value removes one.
func (l *FlowList) url(change ...string) string {
	values := url.Values{}
	set := func(name, value string) {
		if value == "" {
			values.Del(name)
			return
		}
		values.Set(name, value)
	}
	set("q", l.Text)
	set("tag", l.Tag)
	if l.Sort != "number" {
		set("sort", l.Sort)
	}
	if l.Page > 1 {
		set("page", strconv.Itoa(l.Page))
	}
	for i := 0; i+1 < len(change); i += 2 {
		set(change[i], change[i+1])
	}
	if len(values) == 0 {
		return Root + "/flows"
	}
	return Root + "/flows?" + values.Encode()
}

// URL is the address of the list.
func (l *FlowList) URL() string { return l.url() }

// sortURL is the list sorted by a column: in the other direction if it is sorted by it.
func (l *FlowList) sortURL(c flowColumn) string {
	to := c.key
	switch {
	case l.Sort == c.key:
		to = "-" + c.key
	case l.Sort == "-"+c.key:
	case c.key == "errors" || c.key == "p95" || c.key == "last" || c.key == "deployed":
		to = "-" + c.key // what is sought stands at the top
	}
	return l.url("sort", to, "page", "")
}

// sorted is the value of aria-sort; empty: the list is not sorted by the column.
func (l *FlowList) sorted(c flowColumn) string {
	switch strings.TrimPrefix(l.Sort, "-") {
	case c.key:
		if strings.HasPrefix(l.Sort, "-") {
			return "descending"
		}
		return "ascending"
	}
	return ""
}

// rateText is the part of the runs that failed.
func (f *FlowFigures) rateText(ctx context.Context) string {
	switch rate := 100 * f.Rate(); {
	case rate == 0:
		return "0 %"
	case rate < 0.1:
		return "< " + language.Decimal(ctx, 0.1, 1) + " %"
	case rate < 10:
		return language.Decimal(ctx, rate, 1) + " %"
	default:
		return language.Decimal(ctx, rate, 0) + " %"
	}
}

// pageNumber is a number of a page in an address; empty: the first.
func pageNumber(n int) string {
	if n <= 1 {
		return ""
	}
	return strconv.Itoa(n)
}

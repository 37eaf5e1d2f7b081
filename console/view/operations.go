package view

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/penstock/penstock/operation"
)

// Bulk is what the page for an action on many runs shows.
type Bulk struct {
	operation.About
	Plan *operation.Plan // nil: there is none
}

// Operations is the content of the list of operations.
type Operations struct {
	Items []operation.Operation
}

// Progress is an operation with its latest results.
type Progress struct {
	operation.Operation
	Results []operation.Result // of the last runs, the latest first
}

// bulkURL returns the address of the plan for an action on the runs of a filter.
func bulkURL(action operation.Action, filter string) string {
	return Root + "/runs/bulk?" + url.Values{"action": {string(action)}, "filter": {filter}}.Encode()
}

func (p Progress) path() string { return Root + "/operations/" + p.ID }

// ended is the number of runs that have a result.
func ended(o *operation.Operation) int { return o.Done + o.Failed + o.Skipped }

// barWidth is the width of the progress bar in percent.
func barWidth(o *operation.Operation) string {
	if o.Total == 0 {
		return "100%"
	}
	return strconv.Itoa(100*ended(o)/o.Total) + "%"
}

// actionTitle returns an action as the beginning of a sentence.
func actionTitle(a operation.Action) string { return strings.ToUpper(string(a[:1])) + string(a[1:]) }

package view

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/operation"
)

// Bulk is what the page for an action on many runs shows.
type Bulk struct {
	operation.About
	Plan *operation.Plan // nil: there is none
	Text string          // of the search box, that the runs match; empty: they were chosen one by one
	Runs []string        // those that were chosen one by one
	Left int             // of the chosen runs, those that are not kept any more, or that the user may not act on
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

// uncertainSteps lists the steps of the plan of which it is not known whether they happened, each once.
func (b Bulk) uncertainSteps() (names []string) {
	if b.Action != operation.Resume {
		return nil
	}
	for _, s := range b.Plan.Steps {
		if s.Uncertain > 0 && !slices.Contains(names, s.Step) {
			names = append(names, s.Step)
		}
	}
	return names
}

// repeats is the number of runs whose effects the action would repeat, at the step that has the most of them.
func (b Bulk) repeats() (most int) {
	for _, s := range b.Plan.Steps {
		n := s.Failed
		if b.Action == operation.Replay {
			n = s.Done + s.Uncertain
		}
		most = max(most, n)
	}
	return most
}

// actionHint says what an action that starts runs does with effects; empty: it has none.
func actionHint(ctx context.Context, a operation.Action) string {
	switch a {
	case operation.Resume:
		return language.T(ctx, "Each run goes on where it failed: effects that have a result are kept, and not done again.")
	case operation.Replay:
		return language.T(ctx, "Each run begins anew with its event, and all of its effects happen again. Of runs that succeeded it is not recorded which ones they had, so the table may lack them.")
	}
	return ""
}

// bulkURL returns the address of the plan for an action on the runs of a search.
func bulkURL(action operation.Action, filter string) string {
	return Root + "/runs/bulk?" + url.Values{"action": {string(action)}, "filter": {filter}}.Encode()
}

func (p Progress) path() string { return Root + "/operations/" + p.ID }

// successors returns the address of the list of the runs that took the place of the latest ones; empty: there are none.
func (p Progress) successors() templ.SafeURL {
	var ids []string
	for _, r := range p.Results {
		if r.By != "" {
			ids = append(ids, r.By)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return templ.SafeURL(RunsURL(nil, map[string]string{"filter": `run_id in ("` + strings.Join(ids, `", "`) + `")`}))
}

// doneTitle is the title of Operation.Done: of an action that starts runs, that one was started says nothing of how it ended.
func doneTitle(ctx context.Context, a operation.Action) string {
	if a.Starts() {
		return language.T(ctx, "Started")
	}
	return language.T(ctx, "Done")
}

// acted is the number of runs that the action applies to, or of all when not all were looked at.
func (b Bulk) acted() int {
	if b.Plan.Examined < b.Plan.Total {
		return b.Plan.Total
	}
	return b.Plan.Applies
}

// ended is the number of runs that have a result.
func ended(o *operation.Operation) int { return o.Done + o.Failed + o.Skipped }

// barWidth is the width of the progress bar in percent.
func barWidth(o *operation.Operation) string {
	if o.Total == 0 {
		return "100%"
	}
	return strconv.Itoa(100*ended(o)/o.Total) + "%"
}

// actionTitles are the actions as buttons name them, and what one would do with a number of runs. Read only.
var actionTitles = map[operation.Action][2]string{
	operation.Resume: {language.Key("Resume"), language.Key("%s to resume")}, operation.Replay: {language.Key("Replay"), language.Key("%s to replay")},
	operation.Cancel: {language.Key("Cancel"), language.Key("%s to cancel")}, operation.Resolve: {language.Key("Resolve"), language.Key("%s to resolve")},
	operation.Ignore: {language.Key("Ignore"), language.Key("%s to ignore")},
}

// actionTitle returns an action as the beginning of a sentence.
func actionTitle(ctx context.Context, a operation.Action) string {
	if titles, known := actionTitles[a]; known {
		return language.T(ctx, titles[0])
	}
	return string(a)
}

// willAct returns the message that says how many runs an action will change.
func willAct(a operation.Action) string {
	if titles, known := actionTitles[a]; known {
		return titles[1]
	}
	return "%s to " + strings.ReplaceAll(string(a), "%", "%%")
}

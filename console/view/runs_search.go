package view

import (
	"context"
	"slices"
	"strings"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/searchbox"
	"github.com/penstock/penstock/queue"
)

// Mistake is what is wrong with the text of the search box, and where.
type Mistake struct {
	Before, Marked, After string // the text in three parts; empty: the place is not known
	Message               string
}

// MistakeOf returns a mistake in a text.
func MistakeOf(text string, e *searchbox.Error) *Mistake {
	m := &Mistake{Message: e.Error()}
	if e.End > e.Start && e.End <= len(text) {
		m.Before, m.Marked, m.After = text[:e.Start], text[e.Start:e.End], text[e.End:]
	}
	return m
}

// stateChoice is a state in the row above the list.
type stateChoice struct {
	label, dot  string
	name, value string // of its term
}

// stateChoices lists all states of runs, and what is looked for like a state.
func stateChoices(ctx context.Context) []stateChoice {
	var all []stateChoice
	for _, s := range []queue.State{queue.Running, queue.Queued, queue.Waiting, queue.Succeeded, queue.Failed, queue.TimedOut, queue.Cancelled} {
		all = append(all, stateChoice{stateText(ctx, string(s)), string(s), "state", string(s)})
	}
	return append(all, stateChoice{stateText(ctx, "uncertain"), "uncertain", "code", "uncertain"})
}

// stateURL returns the URL of the list for one of the states; for any if it is zero.
func (l RunList) stateURL(c stateChoice) string {
	s := l.Search
	if s == nil {
		s = &searchbox.Search{}
	}
	if s.Raw == "" { // a state is chosen in place of the others
		s = &searchbox.Search{Terms: slices.DeleteFunc(slices.Clone(s.Terms), isStateTerm), Words: s.Words, Exact: s.Exact}
	}
	if c.name == "" {
		return l.searchURL(s.String())
	}
	return l.searchURL(s.With(c.name, c.value))
}

func isStateTerm(t searchbox.Term) bool {
	return t.Name == "state" || t.Name == "code" && slices.Equal(t.Values, []string{"uncertain"})
}

// isState reports whether a state is chosen; of the zero choice, whether none is.
func (l RunList) isState(c stateChoice) bool {
	switch {
	case l.Search == nil || l.Search.Raw != "":
		return false
	case c.name == "":
		return !slices.ContainsFunc(l.Search.Terms, isStateTerm)
	}
	return slices.Contains(l.Search.Values(c.name), c.value)
}

// choice is an entry of a menu.
type choice struct{ label, value, note string }

func timeChoices(ctx context.Context) []choice {
	return []choice{{language.T(ctx, "last 15 minutes"), "15m", ""}, {language.T(ctx, "last hour"), "1h", ""}, {language.T(ctx, "last day"), "1d", ""}, {language.T(ctx, "last week"), "7d", ""}, {language.T(ctx, "today"), "today", ""}}
}

// timeText describes the chosen time.
func (l RunList) timeText(ctx context.Context) string {
	if l.Search == nil {
		return language.T(ctx, "any time")
	}
	since, until := l.Search.Values(searchbox.Since), l.Search.Values(searchbox.Until)
	for _, c := range timeChoices(ctx) {
		if len(until) == 0 && slices.Equal(since, []string{c.value}) {
			return c.label
		}
	}
	if len(since)+len(until) > 0 {
		return language.T(ctx, "chosen time")
	}
	return language.T(ctx, "any time")
}

// menuText is the summary of a menu: what is chosen, or any of it.
func (l RunList) menuText(ctx context.Context, name, noun string) string {
	if l.Search != nil {
		if values := l.Search.Values(name); len(values) > 0 {
			return clip(noun+" "+strings.Join(values, ", "), 28)
		}
	}
	return language.T(ctx, "any %s", noun)
}

// maxMenu is the maximum number of entries of a menu.
const maxMenu = 100

// flowChoices lists flows for a menu.
func (l RunList) flowChoices() []choice {
	var all []choice
	for _, f := range l.Flows[:min(len(l.Flows), maxMenu)] {
		all = append(all, choice{f.Name, decimal(f.Number), decimal(f.Number)})
	}
	return all
}

func triggerChoices(ctx context.Context) []choice {
	notes := map[string]string{
		"sync": language.T(ctx, "a caller waits"), "async": language.T(ctx, "no caller waits"), "webhook": language.T(ctx, "a delivery"), "schedule": language.T(ctx, "also polls and alerts"), "flow": language.T(ctx, "a step of another run"),
		"replay": language.T(ctx, "the event of another run"), "resume": language.T(ctx, "continues another run"), "on_failure": language.T(ctx, "after a failure"),
	}
	var all []choice
	for _, t := range queue.Triggers() {
		all = append(all, choice{t, t, notes[t]})
	}
	return all
}

// principalChoices lists who started the runs of the page.
func (l RunList) principalChoices() []choice {
	var all []choice
	for _, r := range l.Items {
		if c := (choice{r.Principal, r.Principal, ""}); r.Principal != "" && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b choice) int { return strings.Compare(a.value, b.value) })
	return all
}

// builtInSearches are the saved searches that there are from the start.
func builtInSearches(ctx context.Context) []SavedSearch {
	return []SavedSearch{
		{Name: language.T(ctx, "Failed today"), Text: "state:failed,timed_out since:today"},
		{Name: language.T(ctx, "Uncertain"), Text: "code:uncertain triage:open"},
		{Name: language.T(ctx, "Running now"), Text: "state:running"},
		{Name: language.T(ctx, "Waiting for an hour"), Text: "state:queued,waiting until:1h"},
	}
}

// named returns the name of the saved search that the text is; empty: of none.
func (l RunList) named(ctx context.Context) string {
	for _, list := range [][]SavedSearch{builtInSearches(ctx), l.Own, l.Shared} {
		for _, s := range list {
			if l.Text != "" && s.Text == l.Text {
				return s.Name
			}
		}
	}
	return ""
}

// anyTime returns the URL of the list without bounds of time.
func (l RunList) anyTime() string { return l.lately("") }

// lately returns the URL of the list for the time since a moment; of any time if it is empty.
func (l RunList) lately(since string) string {
	s := l.Search
	if s == nil {
		s = &searchbox.Search{}
	}
	if s.Raw != "" {
		return l.searchURL(s.Raw)
	}
	s = &searchbox.Search{Words: s.Words, Exact: s.Exact, Terms: slices.DeleteFunc(slices.Clone(s.Terms), func(t searchbox.Term) bool {
		return t.Name == searchbox.Since || t.Name == searchbox.Until
	})}
	if since == "" {
		return l.searchURL(s.String())
	}
	return l.searchURL(s.With(searchbox.Since, since))
}

func savedURL(s SavedSearch) string { return RunsURL(nil, map[string]string{"filter": s.Text}) }

func quotedWords(text string) string { return (&searchbox.Search{Words: text, Exact: true}).String() }

// boxText is the text in the box: as it was typed, or a filter of the API as the box writes it.
func (l RunList) boxText() string {
	if l.Search == nil || l.FlowFor != "" || !searchbox.IsFilter(l.Text) && l.Params.Get("search") == "" {
		return l.Text
	}
	return l.Search.String()
}

package view

import (
	"slices"
	"strings"
	"time"

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
func stateChoices() []stateChoice {
	var all []stateChoice
	for _, s := range []queue.State{queue.Running, queue.Queued, queue.Waiting, queue.Succeeded, queue.Failed, queue.TimedOut, queue.Cancelled} {
		all = append(all, stateChoice{stateText(string(s)), string(s), "state", string(s)})
	}
	return append(all, stateChoice{"uncertain", "uncertain", "code", "uncertain"})
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

func timeChoices() []choice {
	return []choice{{"last 15 minutes", "15m", ""}, {"last hour", "1h", ""}, {"last day", "1d", ""}, {"last week", "7d", ""}, {"today", "today", ""}}
}

// timeText describes the chosen time.
func (l RunList) timeText() string {
	if l.Search == nil {
		return "any time"
	}
	since, until := l.Search.Values(searchbox.Since), l.Search.Values(searchbox.Until)
	for _, c := range timeChoices() {
		if len(until) == 0 && slices.Equal(since, []string{c.value}) {
			return c.label
		}
	}
	if len(since)+len(until) > 0 {
		return "chosen time"
	}
	return "any time"
}

// menuText is the summary of a menu: what is chosen, or any of it.
func (l RunList) menuText(name, noun string) string {
	if l.Search != nil {
		if values := l.Search.Values(name); len(values) > 0 {
			return clip(noun+" "+strings.Join(values, ", "), 28)
		}
	}
	return "any " + noun
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

func triggerChoices() []choice {
	notes := map[string]string{
		"sync": "a caller waits", "async": "no caller waits", "webhook": "a delivery", "schedule": "also polls and alerts", "flow": "a step of another run",
		"replay": "the event of another run", "resume": "continues another run", "on_failure": "after a failure",
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

// set is a part of the search, which can be removed.
type set struct {
	not         bool
	name, value string
	without     string // URL of the list without it
}

// sets lists the parts of the search.
func (l RunList) sets() (all []set) {
	switch {
	case l.Search == nil:
		return nil
	case l.Search.Raw != "":
		return []set{{name: "filter", value: l.Search.Raw, without: l.searchURL("")}}
	}
	for i, t := range l.Search.Terms {
		values := slices.Clone(t.Values)
		for j, v := range values {
			values[j] = l.shown(t.Name, v)
		}
		all = append(all, set{t.Not, strings.TrimPrefix(t.Name, searchbox.Label), strings.Join(values, " or "), l.searchURL(l.Search.Without(i))})
	}
	if l.Search.Words != "" {
		all = append(all, set{name: "words", value: l.Search.Words, without: l.searchURL(l.Search.WithoutWords())})
	}
	return all
}

// shown formats a value of a term.
func (l RunList) shown(name, value string) string {
	switch name {
	case "state":
		return stateText(value)
	case searchbox.Since, searchbox.Until:
		for _, unit := range []struct{ suffix, text string }{{"m", " minutes ago"}, {"h", " hours ago"}, {"d", " days ago"}, {"w", " weeks ago"}, {"s", " seconds ago"}} {
			if n, is := strings.CutSuffix(value, unit.suffix); is && strings.Trim(n, "0123456789") == "" {
				if n == "1" {
					unit.text = strings.Replace(unit.text, "s ago", " ago", 1)
				}
				return n + unit.text
			}
		}
	case "flow":
		for _, f := range l.Flows {
			if decimal(f.Number) == value {
				return value + " " + f.Name
			}
		}
	case "failure":
		if l.Failure != nil && l.Failure.ID == value {
			return clip(failureTitle(*l.Failure), 60)
		}
	}
	return value
}

// builtInSearches are the saved searches that there are from the start.
func builtInSearches() []SavedSearch {
	return []SavedSearch{
		{Name: "Failed today", Text: "state:failed,timed_out since:today"},
		{Name: "Uncertain", Text: "code:uncertain triage:open"},
		{Name: "Running now", Text: "state:running"},
		{Name: "Waiting for an hour", Text: "state:queued,waiting until:1h"},
	}
}

// named returns the name of the saved search that the text is; empty: of none.
func (l RunList) named() string {
	for _, list := range [][]SavedSearch{builtInSearches(), l.Own, l.Shared} {
		for _, s := range list {
			if l.Text != "" && s.Text == l.Text {
				return s.Name
			}
		}
	}
	return ""
}

// found says how many runs match, and how sure that is.
func (l RunList) found() string {
	n := many(l.Total, "run matches", "runs match")
	further := ""
	if l.Params.Has("cursor") {
		further = " further back"
	}
	switch {
	case l.AtLeast && l.Total == 0:
		return "No match so far" + further
	case l.AtLeast:
		return "At least " + n + further + ", counted so far"
	case l.Total == 0:
		return "No run matches" + further
	}
	return "Exactly " + n + further
}

// where says in which runs the answer was looked for.
func (l RunList) where() string {
	lookup := l.Search != nil && (l.Search.Words != "" || slices.ContainsFunc(l.Search.Terms, func(t searchbox.Term) bool { return strings.HasPrefix(t.Name, searchbox.Label) }))
	switch {
	case !l.History:
		return "in the runs that Redis keeps; there is no history"
	case lookup:
		return "in the history, which has runs from about two seconds after their end"
	}
	return "in Redis and in the history"
}

// kept says which runs an answer is about that looked at every one.
func (l RunList) kept() string {
	if l.Search != nil && slices.ContainsFunc(l.Search.Terms, func(t searchbox.Term) bool {
		return t.Name == searchbox.Since || t.Name == searchbox.Until || t.Name == "created_at"
	}) {
		return "of this time"
	}
	return "that is kept"
}

// back returns how far the answer looked; nil: to the oldest run that is kept, or to the beginning of the time.
func (l RunList) back() *time.Time {
	if l.LookedBackTo != nil {
		return l.LookedBackTo
	}
	return l.CountedBackTo
}

// wider lists what may be changed so that more runs match.
func (l RunList) wider() (all []set) {
	if l.Search == nil || l.Search.Raw != "" {
		return l.sets()
	}
	if since := l.Search.Values(searchbox.Since); len(since) > 0 && !slices.Equal(since, []string{"7d"}) && len(l.Search.Values(searchbox.Until)) == 0 {
		all = append(all, set{name: "look at the last week", without: l.with(searchbox.Since, "7d")})
	}
	for _, s := range l.sets() {
		is := " "
		if s.not {
			is = " not "
		}
		all = append(all, set{name: "without " + s.name + is + clip(s.value, 60), without: s.without})
	}
	return all
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

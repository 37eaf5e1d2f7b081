package view

import (
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/console/searchbox"
)

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
	case l.RedisAway:
		return "in the history alone"
	case l.Warning != "":
		return "in Redis and in the history, as far as they answer"
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

package view

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/searchbox"
)

// set is a part of the search, which can be removed.
type set struct {
	not         bool
	name, value string
	without     string // URL of the list without it
}

// sets lists the parts of the search.
func (l RunList) sets(ctx context.Context) (all []set) {
	switch {
	case l.Search == nil:
		return nil
	case l.Search.Raw != "":
		return []set{{name: "filter", value: l.Search.Raw, without: l.searchURL("")}}
	}
	for i, t := range l.Search.Terms {
		values := slices.Clone(t.Values)
		for j, v := range values {
			values[j] = l.shown(ctx, t.Name, v)
		}
		all = append(all, set{t.Not, strings.TrimPrefix(t.Name, searchbox.Label), strings.Join(values, " "+language.T(ctx, "or")+" "), l.searchURL(l.Search.Without(i))})
	}
	if l.Search.Words != "" {
		all = append(all, set{name: "words", value: l.Search.Words, without: l.searchURL(l.Search.WithoutWords())})
	}
	return all
}

// shown formats a value of a term.
func (l RunList) shown(ctx context.Context, name, value string) string {
	switch name {
	case "state":
		return stateText(ctx, value)
	case searchbox.Since, searchbox.Until:
		return shownTime(ctx, value)
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

// shownTime formats a time of a term.
func shownTime(ctx context.Context, value string) string {
	if value == "" {
		return value
	}
	n, err := strconv.Atoi(value[:len(value)-1])
	if err != nil || n < 0 {
		return value
	}
	switch value[len(value)-1] {
	case 's':
		return language.N(ctx, n, "%d second ago", "%d seconds ago")
	case 'm':
		return language.N(ctx, n, "%d minute ago", "%d minutes ago")
	case 'h':
		return language.N(ctx, n, "%d hour ago", "%d hours ago")
	case 'd':
		return language.N(ctx, n, "%d day ago", "%d days ago")
	case 'w':
		return language.N(ctx, n, "%d week ago", "%d weeks ago")
	}
	return value
}

// found says how many runs match, and how sure that is.
func (l RunList) found(ctx context.Context) string {
	further := l.Params.Has("cursor")
	switch {
	case l.AtLeast && l.Total == 0 && further:
		return language.T(ctx, "No match so far further back")
	case l.AtLeast && l.Total == 0:
		return language.T(ctx, "No match so far")
	case l.AtLeast && further:
		return language.N(ctx, l.Total, "At least %d run matches further back, counted so far", "At least %d runs match further back, counted so far")
	case l.AtLeast:
		return language.N(ctx, l.Total, "At least %d run matches, counted so far", "At least %d runs match, counted so far")
	case l.Total == 0 && further:
		return language.T(ctx, "No run matches further back")
	case l.Total == 0:
		return language.T(ctx, "No run matches")
	case further:
		return language.N(ctx, l.Total, "Exactly %d run matches further back", "Exactly %d runs match further back")
	}
	return language.N(ctx, l.Total, "Exactly %d run matches", "Exactly %d runs match")
}

// where says in which runs the answer was looked for.
func (l RunList) where(ctx context.Context) string {
	lookup := l.Search != nil && (l.Search.Words != "" || slices.ContainsFunc(l.Search.Terms, func(t searchbox.Term) bool { return strings.HasPrefix(t.Name, searchbox.Label) }))
	switch {
	case l.RedisAway:
		return language.T(ctx, "in the history alone")
	case l.Warning != "":
		return language.T(ctx, "in Redis and in the history, as far as they answer")
	case !l.History:
		return language.T(ctx, "in the runs that Redis keeps; there is no history")
	case lookup:
		return language.T(ctx, "in the history, which has runs from about two seconds after their end")
	}
	return language.T(ctx, "in Redis and in the history")
}

// kept says which runs an answer is about that looked at every one.
func (l RunList) kept(ctx context.Context) string {
	if l.Search != nil && slices.ContainsFunc(l.Search.Terms, func(t searchbox.Term) bool {
		return t.Name == searchbox.Since || t.Name == searchbox.Until || t.Name == "created_at"
	}) {
		return language.T(ctx, "of this time")
	}
	return language.T(ctx, "that is kept")
}

// back returns how far the answer looked; nil: to the oldest run that is kept, or to the beginning of the time.
func (l RunList) back() *time.Time {
	if l.LookedBackTo != nil {
		return l.LookedBackTo
	}
	return l.CountedBackTo
}

// wider lists what may be changed so that more runs match.
func (l RunList) wider(ctx context.Context) (all []set) {
	if l.Search == nil || l.Search.Raw != "" {
		return l.sets(ctx)
	}
	if since := l.Search.Values(searchbox.Since); len(since) > 0 && !slices.Equal(since, []string{"7d"}) && len(l.Search.Values(searchbox.Until)) == 0 {
		all = append(all, set{name: language.T(ctx, "look at the last week"), without: l.with(searchbox.Since, "7d")})
	}
	for _, s := range l.sets(ctx) {
		name := language.T(ctx, "without %s %s", s.name, clip(s.value, 60))
		if s.not {
			name = language.T(ctx, "without %s not %s", s.name, clip(s.value, 60))
		}
		all = append(all, set{name: name, without: s.without})
	}
	return all
}

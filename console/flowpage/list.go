package flowpage

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/console/language"
	"github.com/penstock/penstock/console/view"
)

// maxTags is the number of tags that are offered: the others are typed.
const maxTags = 20

// pageSize is the number of flows on one page of the list.
const pageSize = 50

// Want says which runs the list may tell of.
type Want struct {
	Runs bool // the user may read runs
	Away bool // Redis does not answer
}

// List returns the page of the list that the parameters of an address select: q, tag, sort and page. What it does not know it
// leaves out.
func (p *Pages) List(ctx context.Context, rows []view.FlowRow, params url.Values, want Want) (view.FlowList, error) {
	l := view.FlowList{Text: strings.TrimSpace(params.Get("q")), Tag: params.Get("tag"), Sort: params.Get("sort"), All: len(rows), Tags: tagsOf(rows)}
	if more := len(l.Tags) - maxTags; more > 0 {
		l.MoreTags, l.Tags = more, l.Tags[:maxTags]
	}
	if compareBy[strings.TrimPrefix(l.Sort, "-")] == nil {
		l.Sort = "number"
	}
	if want.Runs {
		if err := p.addRuns(ctx, rows, &l, want.Away); err != nil {
			return l, err
		}
	}
	words := strings.Fields(strings.ToLower(l.Text))
	found := slices.DeleteFunc(rows, func(f view.FlowRow) bool { return !matches(&f, words, l.Tag) })
	order(found, l.Sort)
	l.Found = len(found)
	l.Pages = max(1, (l.Found+pageSize-1)/pageSize)
	number, _ := strconv.Atoi(params.Get("page"))
	l.Page = min(max(number, 1), l.Pages)
	l.Rows = found[(l.Page-1)*pageSize : min(l.Page*pageSize, l.Found)]
	return l, nil
}

// addRuns adds the last run and the figures of each flow.
func (p *Pages) addRuns(ctx context.Context, rows []view.FlowRow, l *view.FlowList, away bool) error {
	var k known
	if p.config.History != nil {
		flows := make([]int64, len(rows))
		for i := range rows {
			flows[i] = rows[i].Number
		}
		k, l.Reading = p.latest(ctx, flows)
	}
	newest := known{}.last
	if !away {
		var err error
		if newest, err = p.recentLast(ctx); err != nil {
			return err
		}
	}
	if k.over > 0 {
		l.Over = language.N(ctx, int(k.over.Hours()), "%d hour", "%d hours")
		if k.over == time.Hour {
			l.Over = language.T(ctx, "hour")
		}
	}
	for i := range rows {
		f := &rows[i]
		last := k.last[f.Number]
		if r, has := newest[f.Number]; has && !r.AcceptedAt.Before(last.AcceptedAt) {
			last = r
		}
		if last.ID != "" {
			f.Last = &view.RunRow{ID: last.ID, Flow: f.Number, State: string(last.State), Created: last.AcceptedAt}
		}
		if s, has := k.runs[f.Number]; has {
			f.Figures = &view.FlowFigures{Runs: s.Runs, Failed: s.Failed, P95: s.P95}
		}
	}
	l.Note = p.note(ctx, k, l.Reading, away)
	return nil
}

// note says what is not known of the last results.
func (p *Pages) note(ctx context.Context, k known, reading, away bool) string {
	switch {
	case away && k.at.IsZero():
		return language.T(ctx, "Redis does not answer, so that the last results are not known.")
	case away:
		return language.T(ctx, "Redis does not answer: the last results are those of the history.")
	case p.config.History == nil:
		return language.T(ctx, "There is no history of runs: the last results are those among the newest %d runs, and error rate and p95 are not known. See --history.", recentRuns)
	case k.at.IsZero() && !reading:
		return language.T(ctx, "The history does not answer: the last results are those among the newest %d runs.", recentRuns)
	case k.over == 0 && !reading:
		return language.T(ctx, "There are too many flows and runs to add up: error rate and p95 are on the page of each flow.")
	case k.over > 0 && k.over < spans[0]:
		return language.T(ctx, "There are too many flows and runs to add up a day: error rate and p95 are over a shorter time.")
	}
	return ""
}

// tagsOf counts the tags of flows.
func tagsOf(rows []view.FlowRow) (all []view.TagCount) {
	counts := map[string]int{}
	for i := range rows {
		for _, tag := range rows[i].Tags {
			counts[tag]++
		}
	}
	for tag, n := range counts {
		all = append(all, view.TagCount{Tag: tag, Flows: n})
	}
	slices.SortFunc(all, func(a, b view.TagCount) int {
		return cmp.Or(cmp.Compare(b.Flows, a.Flows), strings.Compare(a.Tag, b.Tag))
	})
	return all
}

// matches reports whether a flow has a tag, and all words, in small letters, in what it is called.
func matches(f *view.FlowRow, words []string, tag string) bool {
	if tag != "" && !slices.Contains(f.Tags, tag) {
		return false
	}
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(strings.Join(append([]string{f.Name, f.Slug, f.Folder, strconv.FormatInt(f.Number, 10), f.Trigger}, f.Tags...), "\n"))
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
}

// compareBy compares two flows by a column. known: whether each has a value; those without one are the last in both directions.
// Read only.
var compareBy = map[string]func(a, b *view.FlowRow) (order int, aKnown, bKnown bool){
	"number": func(a, b *view.FlowRow) (int, bool, bool) { return cmp.Compare(a.Number, b.Number), true, true },
	"name": func(a, b *view.FlowRow) (int, bool, bool) {
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), true, true
	},
	"trigger": func(a, b *view.FlowRow) (int, bool, bool) {
		return strings.Compare(a.Trigger, b.Trigger), a.Trigger != "", b.Trigger != ""
	},
	"next": func(a, b *view.FlowRow) (int, bool, bool) {
		return a.Next.At.Compare(b.Next.At), !a.Next.At.IsZero(), !b.Next.At.IsZero()
	},
	"last": func(a, b *view.FlowRow) (int, bool, bool) {
		if a.Last == nil || b.Last == nil {
			return 0, a.Last != nil, b.Last != nil
		}
		return a.Last.Created.Compare(b.Last.Created), true, true
	},
	"errors": func(a, b *view.FlowRow) (int, bool, bool) {
		return cmp.Compare(a.Figures.Rate(), b.Figures.Rate()), a.Figures != nil, b.Figures != nil
	},
	"p95": func(a, b *view.FlowRow) (int, bool, bool) {
		if a.Figures == nil || b.Figures == nil {
			return 0, a.Figures != nil, b.Figures != nil
		}
		return cmp.Compare(a.Figures.P95, b.Figures.P95), true, true
	},
	"deployed": func(a, b *view.FlowRow) (int, bool, bool) { return a.Deployed.Compare(b.Deployed), true, true },
}

// order sorts flows by a column, descending with - before it, and those that are alike by number.
func order(rows []view.FlowRow, by string) {
	column, descending := strings.CutPrefix(by, "-")
	compare := compareBy[column]
	slices.SortFunc(rows, func(a, b view.FlowRow) int {
		order, aKnown, bKnown := compare(&a, &b)
		switch {
		case aKnown != bKnown && aKnown:
			return -1
		case aKnown != bKnown:
			return 1
		case !aKnown:
			order = 0
		case descending:
			order = -order
		}
		return cmp.Or(order, cmp.Compare(a.Number, b.Number))
	})
}

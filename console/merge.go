package console

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/linediff"
	"github.com/penstock/penstock/store"
)

// merge merges an edit with the version that another user has deployed since the editor was opened.
func (req *requestState) merge(e *edit, stale *store.StaleError) (*view.Merge, error) {
	all := req.console.config.Store.Flows()
	head, err := all.Deployment(strconv.FormatInt(e.flow, 10))
	if err != nil {
		return nil, err
	}
	theirs, err := all.Source(req.ctx(), e.flow, stale.Current)
	if err != nil {
		return nil, err
	}
	m := &view.Merge{Base: stale.Base, Theirs: stale.Current, Versions: versionsSince(&head, stale.Base)}
	mine, other := lines(e.source), lines(theirs)
	base, err := all.Source(req.ctx(), e.flow, stale.Base)
	common := lines(base)
	switch {
	case errors.Is(err, store.ErrNotFound): // what both have stands for it
		m.Baseless, common = true, commonLines(mine, other)
	case err != nil:
		return nil, err
	}
	parts := linediff.Merge(common, mine, other)
	m.Text, m.Conflicts = linediff.Text(parts, "mine", "theirs, version "+view.Short(stale.Current))
	for _, p := range parts {
		if p.Conflict != nil {
			m.Sides = append(m.Sides, view.ConflictSides{Base: text(p.Conflict.Base), Mine: text(p.Conflict.Mine), Theirs: text(p.Conflict.Theirs)})
		}
	}
	m.TheirChanges = view.DiffTexts(text(common), text(other))
	m.MyChanges = view.DiffTexts(text(common), text(mine))
	return m, nil
}

// versionsSince returns the versions that were deployed after one, the newest first; only the current one if the history has that
// one no more.
func versionsSince(head *store.Deployment, base string) (since []view.Version) {
	n := slices.IndexFunc(head.History, func(d store.VersionEntry) bool { return d.Version == base })
	if n < 0 {
		n = min(1, len(head.History))
	}
	for _, d := range head.History[:n] {
		since = append(since, viewVersion(d))
	}
	return since
}

func viewVersion(d store.VersionEntry) view.Version {
	return view.Version{Version: d.Version, Deployed: d.DeployedAt, By: d.By, Message: d.Message}
}

func lines(source []byte) []string { return strings.Split(string(source), "\n") }

func text(lines []string) string { return strings.Join(lines, "\n") }

// commonLines returns the lines that two texts have in common, in order.
func commonLines(a, b []string) (common []string) {
	for _, l := range linediff.Compare(a, b) {
		if l.Before != 0 && l.After != 0 {
			common = append(common, l.Text)
		}
	}
	return common
}

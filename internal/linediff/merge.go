package linediff

import (
	"slices"

	"github.com/aymanbagabas/go-udiff/lcs"
)

// Part is a run of lines of a merge.
type Part struct {
	Lines    []string  // nil with a conflict
	Conflict *Conflict // nil: Lines are in the result
}

// Conflict has what both sides made of the same lines, differently. A side that deleted them has none.
type Conflict struct{ Base, Mine, Theirs []string }

// Merge applies the changes of both sides to their common base. Changes of one side, and those that both made alike, are in
// the result; changes of both sides to the same or to neighbouring lines are conflicts.
func Merge(base, mine, theirs []string) []Part {
	m, t := &side{lines: mine, edits: lcs.DiffLines(base, mine)}, &side{lines: theirs, edits: lcs.DiffLines(base, theirs)}
	var merged parts
	at := 0
	for len(m.edits)+len(t.edits) > 0 {
		lo, hi := region(m, t)
		merged.add(base[at:lo])
		before := base[lo:hi]
		a, aChanged := m.within(before, lo, hi)
		b, bChanged := t.within(before, lo, hi)
		switch {
		case !bChanged || slices.Equal(a, b):
			merged.add(a)
		case !aChanged:
			merged.add(b)
		default:
			merged = append(merged, Part{Conflict: &Conflict{before, a, b}})
		}
		at = hi
	}
	merged.add(base[at:])
	return merged
}

// side is one of the two changed texts with its edits of the base that are not merged yet.
type side struct {
	lines []string
	edits []lcs.Diff
	next  int // number of edits within the current region
}

// region returns the lines of the base that the next edits cover, of both sides as far as they touch each other. One side has
// an edit.
func region(m, t *side) (lo, hi int) {
	m.next, t.next = 0, 0
	switch {
	case len(m.edits) == 0:
		lo = t.edits[0].Start
	case len(t.edits) == 0:
		lo = m.edits[0].Start
	default:
		lo = min(m.edits[0].Start, t.edits[0].Start)
	}
	hi = lo
	for m.cover(&hi) || t.cover(&hi) {
	}
	return lo, hi
}

// cover takes the next edit into the region if it begins no later than its end, and reports whether it did.
func (s *side) cover(hi *int) bool {
	if s.next == len(s.edits) || s.edits[s.next].Start > *hi {
		return false
	}
	*hi = max(*hi, s.edits[s.next].End)
	s.next++
	return true
}

// within returns what the side has in place of the lines lo to hi of the base, and whether it changed them. It takes the edits
// of the region away.
func (s *side) within(before []string, lo, hi int) (lines []string, changed bool) {
	if s.next == 0 {
		return before, false
	}
	first, last := s.edits[0], s.edits[s.next-1]
	s.edits = s.edits[s.next:]
	return s.lines[first.ReplStart-(first.Start-lo) : last.ReplEnd+(hi-last.End)], true
}

type parts []Part

// add appends lines, to the last part if it is no conflict.
func (p *parts) add(lines []string) {
	if len(lines) == 0 {
		return
	}
	if n := len(*p); n > 0 && (*p)[n-1].Conflict == nil {
		(*p)[n-1].Lines = append(slices.Clip((*p)[n-1].Lines), lines...)
		return
	}
	*p = append(*p, Part{Lines: lines})
}

// Markers begin the lines around the two sides of a conflict in Text.
const (
	MarkMine   = "<<<<<<< "
	MarkMiddle = "======="
	MarkTheirs = ">>>>>>> "
)

// Text returns the lines of a merge. Both sides of a conflict are in it, between markers that name them.
func Text(merged []Part, mine, theirs string) (lines []string, conflicts int) {
	for _, p := range merged {
		if p.Conflict == nil {
			lines = append(lines, p.Lines...)
			continue
		}
		conflicts++
		lines = append(lines, MarkMine+mine)
		lines = append(lines, p.Conflict.Mine...)
		lines = append(lines, MarkMiddle)
		lines = append(lines, p.Conflict.Theirs...)
		lines = append(lines, MarkTheirs+theirs)
	}
	return lines, conflicts
}

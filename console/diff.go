package console

import (
	"strings"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/linediff"
)

// maxDiffLines bounds the time and memory of a comparison: beyond the square of it, all differing lines count as
// changed.
const maxDiffLines = 3000

// diffLines compares two texts line by line; nil when they are equal.
func diffLines(before, after string) []view.DiffLine {
	if before == after {
		return nil
	}
	a, b := linesOf(before), linesOf(after)
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && a[endA-1] == b[endB-1] {
		endA, endB = endA-1, endB-1
	}
	lines := equalLines(a[:start], 1, 1)
	lines = append(lines, changedLines(a[start:endA], b[start:endB], start+1)...)
	return append(lines, equalLines(a[endA:], endA+1, endB+1)...)
}

// linesOf splits a text into lines; the empty text has none.
func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func equalLines(same []string, before, after int) []view.DiffLine {
	lines := make([]view.DiffLine, len(same))
	for i, text := range same {
		lines[i] = view.DiffLine{Before: before + i, After: after + i, Text: text}
	}
	return lines
}

// changedLines compares lines whose first and last ones differ. first is the number of the first line.
func changedLines(a, b []string, first int) []view.DiffLine {
	var lines []view.DiffLine
	removed := func(i int) { lines = append(lines, view.DiffLine{Before: first + i, Text: a[i]}) }
	added := func(j int) { lines = append(lines, view.DiffLine{After: first + j, Text: b[j]}) }
	if len(a)*len(b) > maxDiffLines*maxDiffLines {
		for i := range a {
			removed(i)
		}
		for j := range b {
			added(j)
		}
		return lines
	}
	common := linediff.Common(a, b)
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines = append(lines, view.DiffLine{Before: first + i, After: first + j, Text: a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			removed(i)
			i++
		default:
			added(j)
			j++
		}
	}
	return lines
}

// contextLines is the number of unchanged lines shown around a change.
const contextLines = 3

// hunks replaces unchanged lines far from any change by gaps.
func hunks(lines []view.DiffLine) []view.DiffLine {
	near := make([]bool, len(lines))
	for i, l := range lines {
		if l.Before != 0 && l.After != 0 {
			continue
		}
		for j := max(0, i-contextLines); j <= min(len(lines)-1, i+contextLines); j++ {
			near[j] = true
		}
	}
	var some []view.DiffLine
	for i, l := range lines {
		switch {
		case near[i]:
			some = append(some, l)
		case i == 0 || near[i-1]:
			some = append(some, view.DiffLine{Gap: true})
		}
	}
	return some
}

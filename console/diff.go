package console

import (
	"strings"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/linediff"
)

// maxDiffLines bounds the texts that are compared line by line.
const maxDiffLines = 3000

// compareTexts tells two texts apart line by line.
func compareTexts(before, after string) []view.DiffLine {
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
	lines := keep(a[:start], 1, 1)
	lines = append(lines, changed(a[start:endA], b[start:endB], start+1)...)
	return append(lines, keep(a[endA:], endA+1, endB+1)...)
}

// linesOf are the lines of a text; one that is empty has none.
func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func keep(same []string, before, after int) []view.DiffLine {
	lines := make([]view.DiffLine, len(same))
	for i, text := range same {
		lines[i] = view.DiffLine{Before: before + i, After: after + i, Text: text}
	}
	return lines
}

// changed compares what differs at both ends.
func changed(a, b []string, first int) []view.DiffLine {
	var lines []view.DiffLine
	gone := func(i int) { lines = append(lines, view.DiffLine{Before: first + i, Text: a[i]}) }
	come := func(j int) { lines = append(lines, view.DiffLine{After: first + j, Text: b[j]}) }
	if len(a)*len(b) > maxDiffLines*maxDiffLines {
		for i := range a {
			gone(i)
		}
		for j := range b {
			come(j)
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
			gone(i)
			i++
		default:
			come(j)
			j++
		}
	}
	return lines
}

// contextLines are shown around each change.
const contextLines = 3

// hunks leaves out what lies far from any change.
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

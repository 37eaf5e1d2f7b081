package console

import (
	"strings"

	"github.com/penstock/penstock/console/view"
	"github.com/penstock/penstock/internal/linediff"
)

// diffLines compares two texts line by line; nil when they are equal.
func diffLines(before, after string) []view.DiffLine {
	if before == after {
		return nil
	}
	var lines []view.DiffLine
	for _, l := range linediff.Compare(linesOf(before), linesOf(after)) {
		lines = append(lines, view.DiffLine{Before: l.Before, After: l.After, Text: l.Text})
	}
	return lines
}

// linesOf splits a text into lines; the empty text has none.
func linesOf(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
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

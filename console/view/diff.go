package view

import (
	"strings"

	"github.com/penstock/penstock/internal/linediff"
)

// DiffTexts compares two texts line by line; nil when they are equal. Unchanged lines far from any change are left out.
func DiffTexts(before, after string) []DiffLine { return hunks(diffLines(before, after)) }

// diffLines compares two texts line by line; nil when they are equal.
func diffLines(before, after string) []DiffLine {
	if before == after {
		return nil
	}
	var lines []DiffLine
	for _, l := range linediff.Compare(linesOf(before), linesOf(after)) {
		lines = append(lines, DiffLine{Before: l.Before, After: l.After, Text: l.Text})
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
func hunks(lines []DiffLine) []DiffLine {
	near := make([]bool, len(lines))
	for i, l := range lines {
		if l.Before != 0 && l.After != 0 {
			continue
		}
		for j := max(0, i-contextLines); j <= min(len(lines)-1, i+contextLines); j++ {
			near[j] = true
		}
	}
	var some []DiffLine
	for i, l := range lines {
		switch {
		case near[i]:
			some = append(some, l)
		case i == 0 || near[i-1]:
			some = append(some, DiffLine{Gap: true})
		}
	}
	return some
}

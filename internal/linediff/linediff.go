// Package linediff compares texts line by line.
package linediff

import "github.com/aymanbagabas/go-udiff/lcs"

// Line is a line of one text or of both.
type Line struct {
	Text          string
	Before, After int // number in the first and in the second text, from 1; 0: the line is not in it
}

// Compare returns the lines of both texts in order, those in common once, removed lines before added ones. The time is
// proportional to the number of lines: of texts that differ in many places, not all common lines may be found.
func Compare(before, after []string) []Line {
	lines := make([]Line, 0, max(len(before), len(after)))
	i, j := 0, 0
	same := func(end int) {
		for ; i < end; i, j = i+1, j+1 {
			lines = append(lines, Line{before[i], i + 1, j + 1})
		}
	}
	for _, d := range lcs.DiffLines(before, after) {
		same(d.Start)
		for ; i < d.End; i++ {
			lines = append(lines, Line{Text: before[i], Before: i + 1})
		}
		for ; j < d.ReplEnd; j++ {
			lines = append(lines, Line{Text: after[j], After: j + 1})
		}
	}
	same(len(before))
	return lines
}

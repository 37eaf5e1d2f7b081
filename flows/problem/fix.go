package problem

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/flows/internal/mistake"
)

// Fix is one correction of a mistake: edits of the text that was checked, in the order of their places. They leave comments and the
// order of keys as they are.
type Fix struct {
	Title string `json:"title"`
	Safe  bool   `json:"safe"` // it can be made without asking: the text meant nothing else
	Edits []Edit `json:"edits"`
}

// Edit replaces the text from one place up to another, which is not part of it. Lines and columns are from 1, columns in characters.
type Edit struct {
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Text      string `json:"text"`
}

// Apply returns the text with the edits of the fix. Those with a place outside of the text are left out.
func (f *Fix) Apply(src string) string {
	starts := lineStarts(src)
	for _, e := range slices.Backward(f.Edits) {
		from, to := offsetOf(src, starts, e.Line, e.Column), offsetOf(src, starts, e.EndLine, e.EndColumn)
		if from >= 0 && to >= from {
			src = src[:from] + e.Text + src[to:]
		}
	}
	return src
}

func lineStarts(src string) []int {
	starts := []int{0}
	for i := range len(src) {
		if src[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// offsetOf returns the offset of a place in the text; -1: it has none.
func offsetOf(src string, starts []int, line, column int) int {
	if line < 1 || line > len(starts) || column < 1 {
		return -1
	}
	at := starts[line-1]
	for range column - 1 {
		if at >= len(src) || src[at] == '\n' {
			return -1
		}
		_, size := utf8.DecodeRuneInString(src[at:])
		at += size
	}
	return at
}

// Check returns the mistakes of a text; nil: it has none.
type Check func(src string) List

// Bounds of the work for the fixes of a text: each is tried out by a check of the whole text.
const (
	maxFixChecks = 200
	maxFixed     = 100 // mistakes that FixAll corrects
)

// AddFixes adds to the mistakes of a text the corrections that are known. Each of them was tried out: its mistake is gone, and there is no new
// one, unless the mistake had kept what is behind it from being checked.
func AddFixes(src string, problems List, check Check) List {
	checks := 0
	for i := range problems {
		problems[i].Fixes, checks = verified(src, problems, i, check, checks)
	}
	return problems
}

// verified returns the candidates for one mistake that correct it.
func verified(src string, problems List, i int, check Check, checks int) ([]Fix, int) {
	p := &problems[i]
	if p.IsWarning() {
		return nil, checks
	}
	var fixes []Fix
	for _, f := range candidates(p, src) {
		if checks++; checks > maxFixChecks {
			break
		}
		after := f.Apply(src)
		if after != src && corrects(p, problems, check(after), &f) {
			fixes = append(fixes, f)
		}
	}
	return fixes, checks
}

// hiding are the codes of mistakes behind which not everything is checked. Read only.
var hiding = []mistake.Code{mistake.BadYAML, mistake.TabIndent, mistake.UnsupportedYAML, mistake.UnknownKind}

// corrects reports whether a mistake is gone after a fix, and no new one has come.
func corrects(p *Problem, before, after List, f *Fix) bool {
	type cause struct{ code, message string }
	count := map[cause]int{}
	for i := range before {
		if !before[i].IsWarning() {
			count[cause{before[i].Code, before[i].Message}]++
		}
	}
	count[cause{p.Code, p.Message}]--
	hid := slices.ContainsFunc(hiding, func(c mistake.Code) bool { return c.String() == p.Code })
	for i := range after {
		c := cause{after[i].Code, after[i].Message}
		if count[c]--; count[c] < 0 && (!hid || c.code == p.Code || f.touches(after[i].Line)) {
			return false
		}
	}
	return true
}

// touches reports whether the fix changes the line.
func (f *Fix) touches(line int) bool {
	return slices.ContainsFunc(f.Edits, func(e Edit) bool { return e.Line <= line && line <= e.EndLine+strings.Count(e.Text, "\n") })
}

// Fixed is a correction that was made.
type Fixed struct {
	Problem Problem // with its place before the correction
	Title   string
}

// FixAll makes the corrections of a text that are safe and the only ones of their mistake. It returns the text and what was corrected.
func FixAll(src string, check Check) (string, []Fixed) {
	var all []Fixed
	for checks := 0; len(all) < maxFixed && checks <= maxFixChecks; {
		problems := check(src)
		made := false
		for i := range problems {
			var fixes []Fix
			fixes, checks = verified(src, problems, i, check, checks)
			if made = len(fixes) == 1 && fixes[0].Safe; made {
				all = append(all, Fixed{problems[i], fixes[0].Title})
				src = fixes[0].Apply(src)
				break
			}
		}
		if !made {
			break
		}
	}
	return src, all
}

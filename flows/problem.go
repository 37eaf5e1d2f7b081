package flows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/yaml"
)

// Problem is one error in a flow file.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1, in characters
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`    // suggested correction
	Snippet string `json:"snippet,omitempty"` // the line; of a long one, the part around the column

	shift int // characters cut off at the start of the snippet
}

// Error is one line: file:line:column: message (hint).
func (p *Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Text formats the problem for a terminal: the message, the line with a caret under the column, and the hint.
func (p *Problem) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s\n", p.File, p.Line, p.Column, p.Message)
	if p.Snippet != "" {
		number := fmt.Sprintf("%4d", p.Line)
		fmt.Fprintf(&b, "%s | %s\n", number, p.Snippet)
		fmt.Fprintf(&b, "%s | %s^\n", strings.Repeat(" ", len(number)), p.indent())
	}
	if p.Hint != "" {
		fmt.Fprintf(&b, "     = %s\n", p.Hint)
	}
	return b.String()
}

// indent returns white space as wide as the snippet before the column; tabs are kept.
func (p *Problem) indent() string {
	var b strings.Builder
	for i, r := range []rune(p.Snippet) {
		if i >= p.Column-1-p.shift {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Problems are all problems of a file, in the order of its lines.
type Problems []Problem

// Error returns the text of all problems.
func (ps Problems) Error() string {
	parts := make([]string, len(ps))
	for i := range ps {
		parts[i] = ps[i].Text()
	}
	return strings.TrimRight(strings.Join(parts, ""), "\n")
}

// report collects the problems of a file.
type report struct {
	file  string
	lines yaml.Lines
	found Problems
}

// maxProblems is the maximum number of reported problems. A file of a thousand lines may have several in each; more
// do not help.
const maxProblems = 10_000

func newReport(file string, src []byte) *report {
	return &report{file: file, lines: yaml.LinesOf(src)}
}

func (r *report) add(at yaml.Place, hint, format string, args ...any) {
	r.put(Problem{Line: at.Line, Column: at.Column, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

func (r *report) put(p Problem) {
	if len(r.found) >= maxProblems {
		return
	}
	p.File, p.Message, p.Hint = r.file, shorten(p.Message, 400), shorten(p.Hint, 400)
	if p.Line >= 1 && p.Line <= len(r.lines) {
		p.excerpt(r.lines[p.Line-1])
	}
	r.found = append(r.found, p)
}

// maxSnippet is the maximum number of characters in a snippet.
const maxSnippet = 160

// excerpt sets the snippet to the part of the line around the column.
func (p *Problem) excerpt(line string) {
	runes := []rune(line)
	if len(runes) > maxSnippet && p.Column > maxSnippet/2 {
		p.shift = min(p.Column-maxSnippet/2, len(runes)-1)
		runes = runes[p.shift:]
	}
	p.Snippet = string(runes[:min(len(runes), maxSnippet)])
}

// err returns the problems sorted by position, or nil when there are none.
func (r *report) err() error {
	if len(r.found) == 0 {
		return nil
	}
	slices.SortStableFunc(r.found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	r.found = slices.CompactFunc(r.found, func(a, b Problem) bool { return a == b })
	return r.found
}

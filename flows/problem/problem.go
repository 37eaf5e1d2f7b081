package problem

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
	"github.com/penstock/penstock/internal/phrase"
)

// Problem is one mistake in a flow file, or a warning of what is valid and probably not meant.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1, in characters
	Message string `json:"message"`

	Severity Severity `json:"severity,omitempty"` // empty, as older servers have it: a warning if there is a code
	Code     string   `json:"code,omitempty"`     // of its cause, stable
	Doc      string   `json:"doc,omitempty"`      // path and anchor of the page that explains the code
	Name     string   `json:"name,omitempty"`     // of what is missing, with a code missing_…
	Hint     string   `json:"hint,omitempty"`     // suggested correction
	Snippet  string   `json:"snippet,omitempty"`  // the line; of a long one, the part around the column
	Fixes    []Fix    `json:"fixes,omitempty"`    // corrections of the text; see AddFixes

	shift int // characters cut off at the start of the snippet
}

// Severity says whether a Problem keeps a flow from being deployed.
type Severity string

// The severities.
const (
	Mistake Severity = "mistake"
	Warning Severity = "warning"
)

// IsWarning reports whether the problem is a warning, and no mistake.
func (p *Problem) IsWarning() bool {
	return p.Severity == Warning || p.Severity == "" && p.Code != ""
}

// NewMistake returns a mistake at a place of a file.
func NewMistake(code Code, file string, line, column int, format string, args ...any) Problem {
	return Problem{
		File: file, Line: line, Column: column, Message: fmt.Sprintf(format, args...),
		Severity: Mistake, Code: code.String(), Doc: Page + code.String(),
	}
}

// Page is the prefix of the paths that explain codes.
const Page = "docs/flow-problems.md#"

// Error is one line: file:line:column: message (hint). The message of a warning begins with "warning CODE: ".
func (p *Problem) Error() string {
	s := p.line()
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Text formats the problem for a terminal: the message, the line with a caret under the column, and the hint.
func (p *Problem) Text() string {
	var b strings.Builder
	b.WriteString(p.line() + "\n")
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

func (p *Problem) line() string {
	message := p.Message
	if p.IsWarning() {
		message = "warning " + p.Code + ": " + message
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, message)
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

// List holds all problems of a file, in the order of its lines.
type List []Problem

// Error returns the text of all problems.
func (ps List) Error() string {
	parts := make([]string, len(ps))
	for i := range ps {
		parts[i] = ps[i].Text()
	}
	return strings.TrimRight(strings.Join(parts, ""), "\n")
}

// Report collects the problems of a file. It is not safe for concurrent use.
type Report struct {
	file  string
	Lines yaml.Lines
	Found List

	Warnings List
}

// maxProblems is the maximum number of reported problems. A file of a thousand lines may have several in each; more
// do not help.
const maxProblems = 10_000

// NewReport returns an empty report on a file with that name and text.
func NewReport(file string, src []byte) *Report {
	return &Report{file: file, Lines: yaml.LinesOf(src)}
}

// Add reports a mistake. An empty hint is none.
func (r *Report) Add(code mistake.Code, at yaml.Place, hint, format string, args ...any) {
	p := At(code, at, format, args...)
	p.Hint = hint
	r.Put(*p)
}

// At returns a mistake without the name of its file.
func At(code mistake.Code, at yaml.Place, format string, args ...any) *Problem {
	p := NewMistake(code, "", at.Line, at.Column, format, args...)
	return &p
}

// Put takes a finished problem. One that a step kind made without a code gets that of a refused value.
func (r *Report) Put(p Problem) {
	if p.Code == "" {
		p.Severity, p.Code, p.Doc = Mistake, mistake.BadValue.String(), Page+mistake.BadValue.String()
	}
	if len(r.Found) < maxProblems {
		r.Found = append(r.Found, r.completed(p))
	}
}

// Warn reports a warning, whose code need not be one of a mistake.
func (r *Report) Warn(at yaml.Place, code, hint, format string, args ...any) {
	if len(r.Warnings) < maxProblems {
		p := Problem{Line: at.Line, Column: at.Column, Severity: Warning, Code: code, Doc: Page + code, Hint: hint, Message: fmt.Sprintf(format, args...)}
		r.Warnings = append(r.Warnings, r.completed(p))
	}
}

// completed returns the problem with what the report knows of its place.
func (r *Report) completed(p Problem) Problem {
	p.File, p.Message, p.Hint = r.file, phrase.Shorten(p.Message, 400), phrase.Shorten(p.Hint, 400)
	if p.Line >= 1 && p.Line <= len(r.Lines) {
		p.excerpt(r.Lines[p.Line-1])
	}
	return p
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

// Sorted returns the problems by position, each once.
func (ps List) Sorted() List {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.CompactFunc(ps, func(a, b Problem) bool {
		return a.Line == b.Line && a.Column == b.Column && a.Code == b.Code && a.Message == b.Message
	})
}

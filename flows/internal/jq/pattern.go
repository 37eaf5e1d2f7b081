package jq

import (
	"fmt"
	"regexp/syntax"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/third_party/gojq"
)

// regexFunctions are the functions whose first argument is a regular expression.
var regexFunctions = []string{"test", "match", "capture", "scan", "splits", "sub", "gsub"}

// maxPattern is the maximum size of a regular expression in instructions. x{1000} has a thousand.
const maxPattern = 10_000

var errPattern = fmt.Errorf("a regular expression is too large: its repetitions make more than %d instructions", maxPattern)

// checkPattern requires a literal regular expression of limited size: gojq keeps every compiled one for the lifetime
// of the program.
func (p *compilation) checkPattern(f *gojq.Func) {
	if len(f.Args) == 0 {
		return
	}
	if !p.literalPatterns(f.Args[0]) {
		p.problem(mistake.BadPattern, p.find(f.Name), "use startswith, contains or split for computed text",
			"the regular expression of %s must be a literal string", f.Name)
	}
}

// literalPatterns records the literal strings of a pattern, or of a list of pattern and flags. It reports whether
// there is nothing else.
func (p *compilation) literalPatterns(q *gojq.Query) bool {
	t := q.Term
	if t == nil || len(t.SuffixList) > 0 {
		return false
	}
	if t.Type == gojq.TermTypeArray && t.Array.Query != nil {
		list := t.Array.Query
		if list.Op == gojq.OpComma {
			return p.literalPatterns(list.Left)
		}
		return p.literalPatterns(list)
	}
	if t.Type != gojq.TermTypeString || t.Str.Queries != nil {
		return false
	}
	size := patternSize(t.Str.Str)
	if size > maxPattern {
		p.problem(mistake.BadPattern, p.find(t.Str.Str), "", "%v", errPattern)
	}
	if p.sizes == nil {
		p.sizes = map[string]int{}
	}
	p.sizes[t.Str.Str] = size
	return true
}

// patternSize estimates the number of instructions of a compiled regular expression; 1 for an invalid one.
func patternSize(pattern string) int {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 1
	}
	return instructions(re)
}

func instructions(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	if re.Op == syntax.OpCharClass {
		n = 1 + len(re.Rune)/16
	}
	for _, sub := range re.Sub {
		n += instructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return min(n, maxPattern+1)
}

package jq

import (
	"errors"
	"slices"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/internal/suggest"
	"github.com/penstock/penstock/third_party/gojq"
)

// Scope resolves the variables that a program may read and that it does not bind itself.
type Scope interface {
	// Names returns their names, such as "$event". A program cannot bind them.
	Names() []string
	// Resolve returns the name of the value for a reference. When that is another name than ref.Name, it is the value
	// of ref.Name and ref.Member together, and has a name that starts with "$__". It returns "" after it has reported
	// that there is no such value.
	Resolve(ref Reference) string
}

// Reference is one place where a program reads a variable of its scope.
type Reference struct {
	Name   string // "$steps"; "secret" for a call of secret
	Member string // the name that follows, as in $steps.find, or the argument of secret; empty: none, or a computed one
	Offset int    // of the place in the source
	Report func(code mistake.Code, hint, format string, args ...any)
}

// Report receives one problem of a program, with the offset of a byte of its source. hint is a suggested correction,
// or empty.
type Report func(code mistake.Code, offset int, hint, format string, args ...any)

// maxSource is the maximum size of a program in bytes.
const maxSource = 16 << 10

// compilation is the compilation of one program.
type compilation struct {
	source string
	scope  Scope
	report Report
	warn   Warn

	vars   []string // values that the program reads
	bound  []string // variables bound by the program, for hints
	defs   []string // visible functions defined by the program: name/arity
	failed bool

	sizes map[string]int // sizes of the regular expressions, by their text
}

// Compile parses, checks and compiles a program. Problems go to the report; the Program is then nil. Warnings go to warn.
func Compile(source string, scope Scope, report Report, warn Warn) *Program {
	p := &compilation{source: source, scope: scope, report: report, warn: warn}
	if len(source) > maxSource {
		p.problem(mistake.TooLarge, 0, "", "the program has %d bytes, %d are allowed", len(source), maxSource)
		return nil
	}
	if strings.TrimSpace(source) == "" {
		p.problem(mistake.EmptyExpression, 0, "write . for the item itself", "the expression is empty")
		return nil
	}
	query, err := gojq.Parse(source)
	if err != nil {
		p.syntax(err)
		return nil
	}
	p.query(query)
	if p.failed {
		return nil
	}
	code, err := gojq.Compile(query, append(library(source), gojq.WithVariables(p.vars))...)
	if err != nil {
		p.uncompiled(err)
		return nil
	}
	return &Program{Source: strings.TrimSpace(source), Variables: p.vars, Path: p.asPath(query), Assigns: assigns(query), UUIDs: strings.Contains(source, "uuid"), code: code, patterns: p.sizes}
}

func (p *compilation) problem(code mistake.Code, offset int, hint, format string, args ...any) {
	p.failed = true
	p.report(code, offset, hint, format, args...)
}

// syntax reports an error of the jq parser at its token.
func (p *compilation) syntax(err error) {
	offset := len(p.source)
	var at *gojq.ParseError
	if errors.As(err, &at) && at.Token != "" {
		offset = max(0, at.Offset-len(at.Token))
	}
	hint := ""
	if strings.Contains(p.source, "${") {
		hint = "a program is written bare here, without ${ }"
	}
	p.problem(mistake.BadExpression, offset, hint, "jq: %s", strings.ReplaceAll(err.Error(), "EOF", "end of the expression"))
}

// uncompiled reports a name that the jq compiler does not know.
func (p *compilation) uncompiled(err error) {
	message := err.Error()
	if name, ok := strings.CutPrefix(message, "variable not defined: "); ok {
		if name == "$secrets" {
			p.problem(mistake.UnknownVariable, p.find(name), `write secret("name")`, "secrets are no variable")
			return
		}
		known := append(slices.Clone(p.scope.Names()), p.bound...)
		p.problem(mistake.UnknownVariable, p.find(name), suggest.DidYouMean(name, known), "unknown variable %s", name)
		return
	}
	if name, ok := strings.CutPrefix(message, "function not defined: "); ok {
		bare, _, _ := strings.Cut(name, "/")
		p.problem(mistake.UnknownFunction, p.find(bare), suggest.DidYouMean(bare, functionNames()), "unknown function %s", name)
		return
	}
	p.problem(mistake.BadExpression, 0, "", "jq: %s", message)
}

// find returns the offset of the first occurrence of a name as a whole word in the source; 0 when there is none.
func (p *compilation) find(name string) int {
	for from := 0; ; {
		i := strings.Index(p.source[from:], name)
		if i < 0 {
			return 0
		}
		i += from
		end := i + len(name)
		if (i == 0 || !isWord(p.source[i-1])) && (end == len(p.source) || !isWord(p.source[end])) {
			return i
		}
		from = end
	}
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

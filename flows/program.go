package flows

import (
	"errors"
	"slices"
	"strings"

	"github.com/penstock/penstock/third_party/gojq"
)

// program is the compilation of one jq program into an Expr.
type program struct {
	*compiler
	source string
	locate func(offset int) place // position in the file of a byte of the source

	vars   []variable
	bound  []string // variables bound by the program, for hints
	defs   []string // visible functions defined by the program: name/arity
	failed bool

	sizes map[string]int // sizes of the regular expressions, by their text
}

// program parses, checks and compiles a jq program. Problems go to the report; the Expr is then nil.
func (c *compiler) program(source string, locate func(int) place) *Expr {
	p := &program{compiler: c, source: source, locate: locate}
	if len(source) > maxProgramSize {
		p.problem(0, "", "the program has %d bytes, %d are allowed", len(source), maxProgramSize)
		return nil
	}
	if strings.TrimSpace(source) == "" {
		p.problem(0, "write . for the item itself", "the expression is empty")
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
	e := &Expr{source: strings.TrimSpace(source), vars: p.vars, path: p.asPath(query), patterns: p.sizes}
	names := make([]string, len(p.vars))
	for i, v := range p.vars {
		names[i] = v.name
	}
	e.code, err = gojq.Compile(query, gojq.WithVariables(names))
	if err != nil {
		p.uncompiled(err)
		return nil
	}
	return e
}

func (p *program) problem(offset int, hint, format string, args ...any) {
	p.failed = true
	p.add(p.locate(offset), hint, format, args...)
}

// syntax reports an error of the jq parser at its token.
func (p *program) syntax(err error) {
	offset := len(p.source)
	var at *gojq.ParseError
	if errors.As(err, &at) && at.Token != "" {
		offset = max(0, at.Offset-len(at.Token))
	}
	hint := ""
	if strings.Contains(p.source, "${") {
		hint = "a program is written bare here, without ${ }"
	}
	p.problem(offset, hint, "jq: %s", strings.ReplaceAll(err.Error(), "EOF", "end of the expression"))
}

// uncompiled reports a name that the jq compiler does not know.
func (p *program) uncompiled(err error) {
	message := err.Error()
	if name, ok := strings.CutPrefix(message, "variable not defined: "); ok {
		if name == "$secrets" {
			p.problem(p.find(name), "only connection: uses them", "secrets are not values: no expression can read them")
			return
		}
		known := append(variableNames(), p.bound...)
		p.problem(p.find(name), didYouMean(name, known), "unknown variable %s", name)
		return
	}
	if name, ok := strings.CutPrefix(message, "function not defined: "); ok {
		bare, _, _ := strings.Cut(name, "/")
		p.problem(p.find(bare), didYouMean(bare, functionNames()), "unknown function %s", name)
		return
	}
	p.problem(0, "", "jq: %s", message)
}

// find returns the offset of the first occurrence of a name as a whole word in the source; 0 when there is none.
func (p *program) find(name string) int {
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

// asPath returns the program as a path; nil when it is not a plain path.
func (p *program) asPath(q *gojq.Query) *path {
	t := q.Term
	if t == nil || len(q.FuncDefs) > 0 {
		return nil
	}
	found := &path{}
	switch t.Type {
	case gojq.TermTypeIdentity:
	case gojq.TermTypeIndex:
		if t.Index.Name == "" {
			return nil
		}
		found.names = append(found.names, t.Index.Name)
	case gojq.TermTypeFunc:
		i := slices.IndexFunc(p.vars, func(v variable) bool { return v.name == t.Func.Name })
		if i < 0 {
			return nil
		}
		found.root = &p.vars[i]
	default:
		return nil
	}
	for _, s := range t.SuffixList {
		name := memberName(s)
		if name == "" {
			return nil
		}
		found.names = append(found.names, name)
	}
	return found
}

// memberName returns the name in a suffix .name or ["name"]; empty for any other suffix.
func memberName(s *gojq.Suffix) string {
	x := s.Index
	switch {
	case x == nil || s.Iter || s.Optional || x.IsSlice:
		return ""
	case x.Name != "":
		return x.Name
	case x.Str != nil && x.Str.Queries == nil:
		return x.Str.Str
	case x.Start != nil && x.End == nil && x.Start.Term != nil && len(x.Start.Term.SuffixList) == 0:
		if t := x.Start.Term; t.Type == gojq.TermTypeString && t.Str.Queries == nil {
			return t.Str.Str
		}
	}
	return ""
}

// functionNames are the jq functions that flows may call.
func functionNames() []string {
	query, err := gojq.Parse("builtins")
	if err != nil {
		return nil
	}
	all, _ := query.Run(nil).Next()
	list, _ := all.([]any)
	var names []string
	for _, v := range list {
		name, _, _ := strings.Cut(v.(string), "/")
		if _, refused := refusedFunctions[name]; !refused && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

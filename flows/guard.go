package flows

import (
	"slices"

	"github.com/itchyny/gojq"
)

// gojq bounds neither memory nor the time of one native operation. The guards
// are calls, woven into the syntax tree around the operations that can grow a
// value or walk through all of one, to functions of ours that hold the sizes
// to bounds: a program cannot double a string forty times, nor serialise a
// small value that refers to itself 2^40 times.

// meterName is the hidden variable that carries the meter of an evaluation.
const meterName = "$__meter"

// Functions whose input is walked as a whole by one native operation.
var wholeInput = []string{
	"tojson", "tostring", "add", "flatten", "error", "format", "ascii",
	"sort", "sort_by", "group_by", "unique", "unique_by", "min", "min_by", "max", "max_by",
	"from_entries", "with_entries", "INDEX", "IN", "combinations", "implode", "bsearch",
}

// Functions that compare their input with their argument.
var wholePair = []string{"join", "contains", "inside", "indices", "index", "rindex"}

// Functions whose result may be larger than their input, or is a copy.
var growing = []string{
	"tojson", "tostring", "add", "flatten", "transpose", "join", "implode", "explode", "split", "format",
	"gsub", "sub", "ascii_downcase", "ascii_upcase", "reverse", "sort", "unique", "keys", "fromjson",
	"setpath", "delpaths", "del", "to_entries", "with_entries", "from_entries", "map_values", "group_by",
}

// Functions that take a regular expression first.
var matching = []string{"test", "match", "capture", "scan", "splits", "sub", "gsub"}

// guardTerm sets the guards of a function call, a format or a string.
func (p *program) guardTerm(t *gojq.Term) {
	if t.SuffixList != nil {
		bare := *t
		bare.SuffixList = nil
		if p.guardBare(&bare) {
			t.Type, t.Query = gojq.TermTypeQuery, &gojq.Query{Term: &bare}
			t.Func, t.Str, t.Format = nil, nil, ""
		}
		return
	}
	p.guardBare(t)
}

// guardBare guards a term without suffixes in place and says whether it did.
func (p *program) guardBare(t *gojq.Term) bool {
	switch {
	case t.Str != nil && t.Str.Queries != nil:
		for i, q := range t.Str.Queries {
			if q.Term == nil || q.Term.Str == nil || q.Term.Str.Queries != nil {
				t.Str.Queries[i] = pipe(q, p.guard("_p_whole"))
			}
		}
		replace(t, p.grown(&gojq.Query{Term: clone(t)}))
	case t.Type == gojq.TermTypeFormat:
		replace(t, p.grown(pipe(p.guard("_p_whole"), &gojq.Query{Term: clone(t)})))
	case t.Type == gojq.TermTypeFunc:
		return p.guardCall(t)
	default:
		return false
	}
	return true
}

func (p *program) guardCall(t *gojq.Term) bool {
	f := t.Func
	q := &gojq.Query{Term: clone(t)}
	guarded := true
	switch {
	case slices.Contains(matching, f.Name), f.Name == "split" && len(f.Args) == 2:
		p.pattern(f)
		q = pipe(p.guard("_p_matched"), q)
	case slices.Contains(wholePair, f.Name) && len(f.Args) == 1:
		q = pipe(p.guard("_p_pair", identity(), f.Args[0]), applied(f.Name))
	case slices.Contains(wholeInput, f.Name):
		for i, a := range f.Args {
			f.Args[i] = pipe(a, p.guard("_p_whole"))
		}
		q = pipe(p.guard("_p_whole"), q)
	case f.Name == "transpose":
		q = pipe(p.guard("_p_table"), q)
	case f.Name == "setpath" || f.Name == "getpath":
		f.Args[0] = pipe(f.Args[0], p.guard("_p_path"))
	case f.Name == "delpaths":
		f.Args[0] = pipe(f.Args[0], p.guard("_p_whole"))
	case f.Name == "explode" || f.Name == "split" || f.Name == "fromjson":
		q = pipe(p.guard("_p_parts"), q)
	case f.Name == "tonumber":
		q = pipe(p.guard("_p_number"), q)
	default:
		guarded = false
	}
	if slices.Contains(growing, f.Name) {
		q, guarded = p.grown(q), true
	}
	if guarded {
		replace(t, q)
	}
	return guarded
}

// pattern demands a literal regular expression: gojq keeps every compiled one
// for as long as the program lives.
func (p *program) pattern(f *gojq.Func) {
	if len(f.Args) > 0 && !isLiteralPattern(f.Args[0]) {
		p.problem(p.find(f.Name), "use startswith, contains or split for computed text",
			"the regular expression of %s must be a literal string", f.Name)
	}
}

func isLiteralPattern(q *gojq.Query) bool {
	t := q.Term
	if t == nil || len(t.SuffixList) > 0 {
		return false
	}
	if t.Type == gojq.TermTypeArray && t.Array.Query != nil {
		list := t.Array.Query
		return list.Op == gojq.OpComma && isLiteralPattern(list.Left) || isLiteralPattern(list)
	}
	return t.Type == gojq.TermTypeString && t.Str.Queries == nil
}

// grown charges the result of q to the meter.
func (p *program) grown(q *gojq.Query) *gojq.Query { return pipe(q, p.guard("_p_grown")) }

// paired evaluates both operands, has them checked, then applies the operator.
func (p *program) paired(check string, q *gojq.Query) *gojq.Query {
	return pipe(p.guard(check, q.Left, q.Right), &gojq.Query{Left: element("0"), Op: q.Op, Right: element("1")})
}

// guard is a call to one of our functions, the meter first.
func (p *program) guard(name string, args ...*gojq.Query) *gojq.Query {
	p.meter = true
	return call(name, append([]*gojq.Query{call(meterName)}, args...)...)
}

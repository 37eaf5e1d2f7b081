package jq

import (
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/third_party/gojq"
)

// The walk visits the syntax tree of a program bottom up. It resolves variables and rejects what flows cannot use.

func (p *compilation) query(q *gojq.Query) {
	if q == nil {
		return
	}
	if len(q.Imports) > 0 || q.Meta != nil {
		p.problem(mistake.ForbiddenFunction, 0, "", "modules cannot be loaded here")
		return
	}
	defer func(known int) { p.defs = p.defs[:known] }(len(p.defs))
	for _, def := range q.FuncDefs {
		p.define(def)
	}
	p.term(q.Term)
	p.query(q.Left)
	p.patterns(q.Patterns)
	p.query(q.Right)
}

// define walks a function definition. Its name hides a jq function in its body, and from here to the end of the
// enclosing query.
func (p *compilation) define(def *gojq.FuncDef) {
	if strings.HasPrefix(def.Name, "_") {
		p.problem(mistake.ReservedName, p.find(def.Name), "", "a function name cannot start with _")
	}
	p.defs = append(p.defs, signature(def.Name, len(def.Args)))
	known := len(p.defs)
	for _, arg := range def.Args {
		if strings.HasPrefix(arg, "$") {
			p.bind(arg)
		}
		p.defs = append(p.defs, signature(strings.TrimPrefix(arg, "$"), 0))
	}
	p.query(def.Body)
	p.defs = p.defs[:known]
}

func signature(name string, args int) string { return name + "/" + strconv.Itoa(args) }

func (p *compilation) term(t *gojq.Term) {
	if t == nil {
		return
	}
	p.lintTerm(t)
	p.secret(t)
	p.suffixes(t)
	p.index(t.Index)
	p.string(t.Str)
	p.object(t.Object)
	if t.Array != nil {
		p.query(t.Array.Query)
	}
	if t.Unary != nil {
		p.term(t.Unary.Term)
	}
	if t.If != nil {
		p.query(t.If.Cond)
		p.query(t.If.Then)
		for _, elif := range t.If.Elif {
			p.query(elif.Cond)
			p.query(elif.Then)
		}
		p.query(t.If.Else)
	}
	if t.Try != nil {
		p.query(t.Try.Body)
		p.query(t.Try.Catch)
	}
	if t.Label != nil {
		p.query(t.Label.Body)
	}
	p.loops(t)
	p.query(t.Query)
	p.call(t)
}

func (p *compilation) loops(t *gojq.Term) {
	if r := t.Reduce; r != nil {
		p.query(r.Query)
		p.patterns(r.Patterns)
		p.query(r.Start)
		p.query(r.Update)
	}
	if f := t.Foreach; f != nil {
		p.query(f.Query)
		p.patterns(f.Patterns)
		p.query(f.Start)
		p.query(f.Update)
		p.query(f.Extract)
	}
}

// suffixes walks the suffixes of a term. A variable with a member may become one variable, as $steps.NAME does, so
// that only named values are looked up.
func (p *compilation) suffixes(t *gojq.Term) {
	for _, s := range t.SuffixList {
		p.index(s.Index)
	}
	if t.Type != gojq.TermTypeFunc || len(t.Func.Args) > 0 {
		return
	}
	member := ""
	if len(t.SuffixList) > 0 {
		member = memberName(t.SuffixList[0])
	}
	if !p.predefined(t.Func.Name) {
		return
	}
	if name := p.resolve(t.Func.Name, member); name != "" && name != t.Func.Name {
		t.Func.Name, t.SuffixList = name, t.SuffixList[1:]
	}
}

// SecretFunction is the name of the function that gives the value of a secret.
const SecretFunction = "secret"

// secret makes a variable of a call of secret, which its scope resolves.
func (p *compilation) secret(t *gojq.Term) {
	if t.Type != gojq.TermTypeFunc || t.Func.Name != SecretFunction || len(t.Func.Args) != 1 || slices.Contains(p.defs, signature(SecretFunction, 1)) {
		return
	}
	arg := t.Func.Args[0].Term
	if arg == nil || arg.Type != gojq.TermTypeString || arg.Str.Queries != nil || len(arg.SuffixList) > 0 || arg.Str.Str == "" {
		p.problem(mistake.SecretPlace, p.find(SecretFunction), `write secret("name")`, "secret takes the name of one secret as a literal text")
		return
	}
	if name := p.resolve(SecretFunction, arg.Str.Str); name != "" {
		t.Func = &gojq.Func{Name: name}
	}
}

// index walks the brackets of a path. It limits literal indices, because an assignment allocates all elements before
// the index; computed indices are limited at run time.
func (p *compilation) index(x *gojq.Index) {
	if x == nil {
		return
	}
	p.string(x.Str)
	p.query(x.Start)
	p.query(x.End)
	for _, q := range []*gojq.Query{x.Start, x.End} {
		if q == nil || q.Term == nil || q.Term.Type != gojq.TermTypeNumber {
			continue
		}
		if n, err := strconv.ParseFloat(q.Term.Number, 64); err != nil || n > maxElements {
			p.problem(mistake.OutOfRange, p.find(q.Term.Number), "", "an index beyond %d", maxElements)
		}
	}
}

func (p *compilation) string(s *gojq.String) {
	if s == nil {
		return
	}
	for _, q := range s.Queries {
		p.query(q)
	}
}

func (p *compilation) object(o *gojq.Object) {
	if o == nil {
		return
	}
	for _, kv := range o.KeyVals {
		if p.predefined(kv.Key) {
			p.resolve(kv.Key, "")
		} else {
			p.checkReserved(kv.Key)
		}
		p.string(kv.KeyString)
		p.query(kv.KeyQuery)
		p.query(kv.Val)
	}
}

func (p *compilation) patterns(all []*gojq.Pattern) {
	for _, pattern := range all {
		p.bind(pattern.Name)
		p.patterns(pattern.Array)
		for _, o := range pattern.Object {
			if strings.HasPrefix(o.Key, "$") {
				p.bind(o.Key)
			}
			p.string(o.KeyString)
			p.query(o.KeyQuery)
			if o.Val != nil {
				p.patterns([]*gojq.Pattern{o.Val})
			}
		}
	}
}

// bind records a variable that the program binds.
func (p *compilation) bind(name string) {
	if name == "" {
		return
	}
	if p.predefined(name) || strings.HasPrefix(name, "$__") {
		p.problem(mistake.ReservedName, p.find(name), "choose another name", "%s cannot be bound: it has a meaning of its own", name)
		return
	}
	p.bound = append(p.bound, name)
}

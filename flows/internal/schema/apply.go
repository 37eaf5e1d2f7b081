package schema

import (
	"strconv"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// application is one schema applied to one value.
type application struct {
	*evaluation
	node      *node
	value     any
	scope     *scope
	evaluated *evaluated
	at        *path
	out       *report
	ok        bool
}

// done reports whether the remaining keywords can be skipped.
func (a *application) done() bool {
	return a.err != nil || !a.ok && (a.out == nil || a.out.full())
}

func (a *application) fail(reason violation) {
	a.ok = false
	a.out.add(a.at, reason)
}

// applySelf applies a schema to the same value.
func (a *application) applySelf(n *node) {
	if !a.check(n, a.value, a.scope, a.evaluated, a.at, a.out) {
		a.ok = false
	}
}

// matches is applySelf without a report and without effect on the result.
func (a *application) matches(n *node, m *evaluated) bool { return a.valid(n, a.value, a.scope, m) }

// member applies a schema to a member or element of the value.
func (a *application) member(n *node, v any, name string) {
	var at *path
	if a.out != nil {
		at = &path{a.at, name}
	}
	if !a.check(n, v, a.scope, nil, at, a.out) {
		a.ok = false
	}
}

func (a *application) element(n *node, v any, i int) {
	name := ""
	if a.out != nil {
		name = strconv.Itoa(i)
	}
	a.member(n, v, name)
}

func (a *application) text(s string) {
	n := a.node
	if n.MinLength != nil || n.MaxLength != nil {
		a.spend(len(s) / 8)
		length := utf8.RuneCountInString(s)
		if n.MinLength != nil && length < *n.MinLength {
			a.fail(&kind.MinLength{Got: length, Want: *n.MinLength})
		}
		if n.MaxLength != nil && length > *n.MaxLength {
			a.fail(&kind.MaxLength{Got: length, Want: *n.MaxLength})
		}
	}
	if n.Pattern == nil || a.done() {
		return
	}
	if !a.match(n.Pattern.(pattern), s) && a.err == nil {
		a.fail(&kind.Pattern{Got: truncate(s), Want: truncate(n.Pattern.String())})
	}
}

// match charges for a match before it executes it.
func (a *application) match(p pattern, s string) bool {
	a.spend(p.cost(s))
	return a.err == nil && p.MatchString(s)
}

func (a *application) number(v any) {
	n := a.node
	for i := range n.bounds {
		b := &n.bounds[i]
		a.spend(4)
		if !b.satisfied(v) {
			a.fail(b.violation(v))
		}
	}
	if n.MultipleOf != nil {
		a.spend(100)
		if !multiple(v, n.MultipleOf) {
			a.fail(&kind.MultipleOf{Got: approximate(v), Want: n.MultipleOf})
		}
	}
}

func (a *application) references() {
	n := a.node
	if n.recursive != nil {
		target := n.recursive
		if target.RecursiveAnchor && a.scope != nil && a.scope.recursive != nil {
			target = a.scope.recursive
		}
		a.applySelf(target)
	}
	if n.dynamic == nil || a.done() {
		return
	}
	target, anchor := n.dynamic, n.DynamicRef.Anchor
	if anchor != "" && target.DynamicAnchor == anchor {
		if outer := a.scope.anchor(anchor); outer != nil {
			target = outer
		}
	}
	a.applySelf(target)
}

func (a *application) combine() {
	n := a.node
	if n.not != nil && a.matches(n.not, nil) {
		a.fail(&kind.Not{})
	}
	for _, part := range n.allOf {
		if a.done() {
			return
		}
		a.applySelf(part)
	}
	if len(n.anyOf) > 0 && !a.done() {
		a.any()
	}
	if len(n.oneOf) > 0 && !a.done() {
		a.one()
	}
	if n.if_ != nil && !a.done() {
		branch := n.else_
		if a.matches(n.if_, a.evaluated) {
			branch = n.then
		}
		if branch != nil && a.err == nil {
			a.applySelf(branch)
		}
	}
}

// any evaluates all alternatives when evaluated members are tracked, else up to the first that matches.
func (a *application) any() {
	fits := false
	for _, part := range a.node.anyOf {
		if a.matches(part, a.evaluated) {
			if fits = true; a.evaluated == nil {
				return
			}
		}
		if a.err != nil {
			return
		}
	}
	if !fits {
		a.alternatives(a.node.anyOf)
	}
}

func (a *application) one() {
	fits := -1
	for i, part := range a.node.oneOf {
		if !a.matches(part, a.evaluated) {
			continue
		}
		if fits >= 0 {
			a.fail(&kind.OneOf{Subschemas: []int{fits, i}})
			return
		}
		fits = i
	}
	if fits < 0 {
		a.alternatives(a.node.oneOf)
	}
}

// alternatives reports why none of the alternatives matches.
func (a *application) alternatives(parts []*node) {
	a.ok = false
	if a.out == nil {
		return
	}
	for _, part := range parts {
		a.check(part, a.value, a.scope, nil, a.at, a.out)
	}
}

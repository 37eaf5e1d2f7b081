package flows

import (
	"strconv"

	"github.com/itchyny/gojq"
)

// guardOperator sets the guards of a binary operator.
func (p *program) guardOperator(q *gojq.Query) {
	if q.Right == nil {
		return
	}
	switch q.Op {
	case gojq.OpAdd:
		if !isScalar(q.Left) && !isScalar(q.Right) || isString(q.Left) || isString(q.Right) {
			*q = *p.grown(&gojq.Query{Left: q.Left, Op: q.Op, Right: q.Right})
		}
	case gojq.OpSub, gojq.OpEq, gojq.OpNe, gojq.OpLt, gojq.OpLe, gojq.OpGt, gojq.OpGe:
		if !isScalar(q.Left) && !isScalar(q.Right) {
			*q = *p.paired("_p_pair", q)
		}
	case gojq.OpMul:
		if isSmall(q.Left) || isSmall(q.Right) {
			*q = *p.grown(&gojq.Query{Left: q.Left, Op: q.Op, Right: q.Right})
			return
		}
		*q = *p.grown(p.paired("_p_times", q))
	case gojq.OpDiv:
		if !isNumber(q.Right) {
			*q = *p.grown(p.paired("_p_pair", q))
		}
	case gojq.OpAssign, gojq.OpModify:
		*q = *p.grown(&gojq.Query{Left: q.Left, Op: q.Op, Right: q.Right})
	case gojq.OpUpdateAdd, gojq.OpUpdateSub, gojq.OpUpdateMul, gojq.OpUpdateDiv:
		*q = *p.update(q)
	}
}

// update spells out l op= r as r as $x | l |= (. op $x), whose parts can be
// guarded.
func (p *program) update(q *gojq.Query) *gojq.Query {
	op := map[gojq.Operator]gojq.Operator{
		gojq.OpUpdateAdd: gojq.OpAdd, gojq.OpUpdateSub: gojq.OpSub,
		gojq.OpUpdateMul: gojq.OpMul, gojq.OpUpdateDiv: gojq.OpDiv,
	}[q.Op]
	computed := &gojq.Query{Left: identity(), Op: op, Right: call("$__right")}
	p.guardOperator(computed)
	modify := &gojq.Query{Left: q.Left, Op: gojq.OpModify, Right: computed}
	p.guardOperator(modify)
	return &gojq.Query{
		Left: q.Right, Op: gojq.OpPipe, Right: modify,
		Patterns: []*gojq.Pattern{{Name: "$__right"}},
	}
}

// guardIndex holds a computed index to a bound.
func (p *program) guardIndex(q *gojq.Query) *gojq.Query {
	switch {
	case q == nil || isString(q):
		return q
	case isNumber(q):
		if n, err := strconv.ParseFloat(q.Term.Number, 64); err != nil || n > maxElements {
			p.problem(p.find(q.Term.Number), "", "an index beyond %d", maxElements)
		}
		return q
	}
	return pipe(q, p.guard("_p_index"))
}

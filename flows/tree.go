package flows

import (
	"strings"

	"github.com/itchyny/gojq"
)

// Constructors and predicates for the syntax trees that the guards weave.

func identity() *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIdentity}}
}

func call(name string, args ...*gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: name, Args: args}}}
}

// pipe is (left | right), in parentheses so that it may stand anywhere.
func pipe(left, right *gojq.Query) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeQuery, Query: &gojq.Query{Left: left, Op: gojq.OpPipe, Right: right}}}
}

// element is .[n].
func element(n string) *gojq.Query {
	index := &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeNumber, Number: n}}
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeIndex, Index: &gojq.Index{Start: index}}}
}

// applied is .[1] as $x | .[0] | name($x).
func applied(name string) *gojq.Query {
	return &gojq.Query{
		Left: element("1"), Op: gojq.OpPipe, Patterns: []*gojq.Pattern{{Name: "$__right"}},
		Right: pipe(element("0"), call(name, call("$__right"))),
	}
}

func stringQuery(s *gojq.String) *gojq.Query {
	return &gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeString, Str: s}}
}

func clone(t *gojq.Term) *gojq.Term { copied := *t; return &copied }

// replace makes t stand for q.
func replace(t *gojq.Term, q *gojq.Query) {
	*t = gojq.Term{Type: gojq.TermTypeQuery, Query: q}
}

func isNumber(q *gojq.Query) bool {
	return q.Term != nil && q.Term.Type == gojq.TermTypeNumber && len(q.Term.SuffixList) == 0
}

// isSmall reports whether q is a number of at most three characters: what it
// multiplies grows by little.
func isSmall(q *gojq.Query) bool {
	return isNumber(q) && len(q.Term.Number) <= 3 && !strings.ContainsAny(q.Term.Number, "eE")
}

func isString(q *gojq.Query) bool {
	return q.Term != nil && q.Term.Type == gojq.TermTypeString && q.Term.Str.Queries == nil && len(q.Term.SuffixList) == 0
}

// isScalar reports whether q is a literal that is no container.
func isScalar(q *gojq.Query) bool {
	if q.Term == nil || len(q.Term.SuffixList) > 0 {
		return false
	}
	switch q.Term.Type {
	case gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber:
		return true
	}
	return isString(q)
}

package listing

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The limits of a filter.
const (
	maxFilter = 4096 // bytes
	maxNested = 32
	maxTerms  = 200 // comparisons of a filter, and values of one operator in
)

// parser reads a filter by recursive descent:
//
//	either     = both { "or" both }
//	both       = one { "and" one }
//	one        = "not" one | "(" either ")" | comparison
//	comparison = field operator value | field "in" "(" value { "," value } ")"
type parser[T any] struct {
	filter string
	fields []Field[T]
	tokens []token
	depth  int
	terms  int
	loose  int // see Query
}

func parseFilter[T any](filter string, fields []Field[T]) (n node[T], loose int, err error) {
	if len(filter) > maxFilter {
		return nil, 0, &Error{Param: ParamFilter, Message: "is longer than 4096 bytes"}
	}
	if !utf8.ValidString(filter) {
		return nil, 0, &Error{Param: ParamFilter, Message: "is not UTF-8"}
	}
	tokens, err := lex(filter)
	if err != nil {
		return nil, 0, err
	}
	p := &parser[T]{filter: filter, fields: fields, tokens: tokens}
	if n, err = p.either(); err != nil {
		return nil, 0, err
	}
	if t := p.tokens[0]; t.kind != end {
		return nil, 0, p.wrong(t, "and, or, or the end is expected here")
	}
	return n, p.loose, nil
}

// loosen notes the first part of the filter that is no comparison joined by and.
func (p *parser[T]) loosen(t token) {
	if at := utf8.RuneCountInString(p.filter[:t.start]) + 1; p.loose == 0 || at < p.loose {
		p.loose = at
	}
}

func (p *parser[T]) next() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// is reports whether the next token is the keyword, and consumes it in that case.
func (p *parser[T]) is(keyword string) bool {
	t := p.tokens[0]
	if t.kind != word || !strings.EqualFold(t.text, keyword) {
		return false
	}
	p.next()
	return true
}

func (p *parser[T]) wrong(t token, message string) error { return wrong(p.filter, t.start, message) }

func (p *parser[T]) either() (node[T], error) {
	parts, err := p.series("or", p.both)
	if err != nil || len(parts) == 1 {
		return first(parts), err
	}
	return disjunction[T]{parts}, nil
}

func (p *parser[T]) both() (node[T], error) {
	parts, err := p.series("and", p.one)
	if err != nil || len(parts) == 1 {
		return first(parts), err
	}
	return conjunction[T]{parts}, nil
}

func first[T any](parts []node[T]) node[T] {
	if len(parts) == 0 {
		return nil
	}
	return parts[0]
}

func (p *parser[T]) series(keyword string, part func() (node[T], error)) ([]node[T], error) {
	var parts []node[T]
	for {
		n, err := part()
		if err != nil {
			return nil, err
		}
		parts = append(parts, n)
		at := p.tokens[0]
		if !p.is(keyword) {
			return parts, nil
		}
		if keyword == "or" {
			p.loosen(at)
		}
	}
}

func (p *parser[T]) one() (node[T], error) {
	start := p.tokens[0]
	if p.depth++; p.depth > maxNested {
		return nil, p.wrong(start, "this is nested too deep")
	}
	defer func() { p.depth-- }()
	if p.is("not") {
		p.loosen(start)
		part, err := p.one()
		return negation[T]{part}, err
	}
	if start.kind != openParen {
		return p.comparison()
	}
	p.next()
	n, err := p.either()
	if err != nil {
		return nil, err
	}
	if t := p.next(); t.kind != closeParen {
		return nil, p.wrong(t, "and, or, or a closing parenthesis is expected here")
	}
	return n, nil
}

func (p *parser[T]) comparison() (node[T], error) {
	name := p.next()
	if name.kind != word {
		return nil, p.wrong(name, "a field is expected here, as in: state eq \"failed\"")
	}
	field, ok := find(p.fields, name.text)
	if !ok {
		return nil, p.wrong(name, unknown(p.fields, name.text))
	}
	operator := p.next()
	c := comparison[T]{field: field, operator: strings.ToLower(operator.text)}
	allowed := field.operators
	if allowed == nil {
		allowed = operatorsOf(field.kind)
	}
	if operator.kind != word || !slices.Contains(allowed, c.operator) {
		return nil, p.wrong(operator, "an operator is expected here; "+field.name+" is a "+string(field.kind)+" and takes "+strings.Join(allowed, ", "))
	}
	if p.terms++; p.terms > maxTerms {
		return nil, p.wrong(name, "there are too many comparisons")
	}
	var err error
	if c.operator == "in" {
		c.values, err = p.values(field)
		return c, err
	}
	v, err := p.value(field, c.operator)
	c.values = []value{v}
	return c, err
}

func operatorsOf(k kind) []string {
	switch k {
	case truth:
		return []string{"eq", "ne"}
	case list:
		return []string{"contains"}
	case text:
		return []string{"eq", "ne", "lt", "le", "gt", "ge", "in", "contains"}
	}
	return []string{"eq", "ne", "lt", "le", "gt", "ge", "in"}
}

package flows

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
)

// Template is a value of the flow file in which ${ } is rendered in every string. The result of an expression is
// never rendered again. Safe for concurrent use.
type Template struct {
	literal any         // the value, when nothing needs rendering
	expr    *Expr       // the value is a single ${ }: the result keeps its type
	parts   []part      // a text with ${ } in it
	list    []*Template // a sequence
	fields  []Field     // a mapping
	order   *Order      // of a parameter's value
}

// part is a part of an interpolated text; expr is nil for literal text.
type part struct {
	text string
	expr *Expr
}

// Order returns the order of the members of a parameter's value as the file has them; nil: it has none.
func (t *Template) Order() *Order { return t.order }

// Literal returns the value of a template without expressions; false for others.
func (t *Template) Literal() (any, bool) {
	return t.literal, t.expr == nil && t.parts == nil && t.list == nil && t.fields == nil
}

// Render returns the value for the item.
func (t *Template) Render(ctx context.Context, in *Input) (any, error) {
	v, err := t.render(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := jq.Check(v); err != nil {
		return nil, &Error{Code: CodeLimit, Message: err.Error(), Err: err}
	}
	return v, nil
}

func (t *Template) render(ctx context.Context, in *Input) (any, error) {
	switch {
	case t.expr != nil:
		return t.expr.one(ctx, in)
	case t.parts != nil:
		return t.interpolate(ctx, in)
	case t.list != nil:
		list := make([]any, len(t.list))
		for i, element := range t.list {
			v, err := element.render(ctx, in)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case t.fields != nil:
		object := make(map[string]any, len(t.fields))
		for _, f := range t.fields {
			v, err := f.Value.render(ctx, in)
			if err != nil {
				return nil, err
			}
			object[f.Name] = v
		}
		return object, nil
	}
	return t.literal, nil
}

// Text returns the value for the item as a string: a string unchanged, null as the empty string, anything else as
// JSON.
func (t *Template) Text(ctx context.Context, in *Input) (string, error) {
	v, err := t.Render(ctx, in)
	if err != nil {
		return "", err
	}
	return stringify(v), nil
}

func (t *Template) interpolate(ctx context.Context, in *Input) (any, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := p.expr.one(ctx, in)
		if err == nil {
			err = jq.Check(v)
		}
		if err != nil {
			return nil, err
		}
		if b.WriteString(stringify(v)); b.Len() > jq.MaxValueSize {
			return nil, jq.ErrTooLarge
		}
	}
	return b.String(), nil
}

// stringify converts a value for a longer string.
func stringify(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return string(EncodeJSON(v))
}

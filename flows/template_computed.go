package flows

import (
	"context"
	"strings"

	"github.com/penstock/penstock/flows/internal/jq"
)

// Computed takes the value of one ${ } of a template and returns what stands in its place. alone: the ${ } is the whole
// of its text, so that a value of any type may be returned; otherwise the result is made text.
type Computed func(v any, alone bool) (any, error)

// RenderComputed returns the value for the item, as Render does, with each value of a ${ } replaced by computed. It is for
// templates of a language, such as filters and queries: computed escapes or refuses what would change their meaning. A
// template whose value comes from the user of a connector's operation is one ${ }.
func (t *Template) RenderComputed(ctx context.Context, in *Input, computed Computed) (any, error) {
	v, err := t.renderComputed(ctx, in, computed)
	if err != nil {
		return nil, err
	}
	if err := jq.Check(v); err != nil {
		return nil, &Error{Code: CodeLimit, Message: err.Error(), Err: err}
	}
	return v, nil
}

func (t *Template) renderComputed(ctx context.Context, in *Input, computed Computed) (v any, err error) {
	switch {
	case t.list != nil:
		list := make([]any, len(t.list))
		for i, element := range t.list {
			if list[i], err = element.renderComputed(ctx, in, computed); err != nil {
				return nil, err
			}
		}
		return list, nil
	case t.fields != nil:
		object := make(map[string]any, len(t.fields))
		for _, f := range t.fields {
			if object[f.Name], err = f.Value.renderComputed(ctx, in, computed); err != nil {
				return nil, err
			}
		}
		return object, nil
	case t.parts != nil:
		return t.interpolateComputed(ctx, in, computed)
	case t.expr == nil && t.caller == nil:
		return t.literal, nil
	}
	if v, err = t.Render(ctx, in); err != nil {
		return nil, err
	}
	return computed(v, true)
}

func (t *Template) interpolateComputed(ctx context.Context, in *Input, computed Computed) (any, error) {
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
		if err == nil {
			v, err = computed(v, false)
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

package steps

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// set builds an object from fields.
func set() flows.Kind {
	return flows.Kind{
		Name:    "set",
		Summary: "Builds an object from fields; it becomes the item.",
		Doc: `Fields are literal values, with ${ } rendered in strings. A string that consists of one
${ } alone has the type of its value. With ` + "`keep: true`" + ` the fields are added to the item and replace fields of the same name:
` + "`{set: {total: 3}, keep: true}`" + `.`,
		Params: []flows.Param{
			{Name: "fields", Type: flows.TypeFields, Required: true, Inline: true, Summary: "The fields, in any order."},
			{Name: "keep", Type: flows.TypeBool, Default: "false", Summary: "Adds the fields to the item, which must be an object or null."},
		},
		Example: "name: person\nset: {id: \"${ .id }\", name: \"${ .first } ${ .last }\"}",
		New: func(args *flows.Args) (flows.Runner, error) {
			s := setStep{fields: args.Fields("fields"), keep: args.Bool("keep")}
			return flows.RunFunc(s.run), nil
		},
	}
}

type setStep struct {
	fields []flows.Field
	keep   bool
}

func (s setStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	object := make(map[string]any, len(s.fields))
	if s.keep {
		kept, err := asObject(in.Value())
		if err != nil {
			return nil, err
		}
		for name, v := range kept {
			object[name] = v
		}
	}
	for _, f := range s.fields {
		v, err := f.Value.Render(ctx, in)
		if err != nil {
			return nil, err
		}
		object[f.Name] = v
	}
	return []any{object}, nil
}

// asObject returns the item as an object to add fields to; null is an empty one.
func asObject(v any) (map[string]any, error) {
	object, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, failure.Errorf("keep needs an object as the item, this one is %s", content.TypeName(v))
	}
	return object, nil
}

// Package encode is the step kind encode, with a form for each format.
package encode

import (
	"context"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// Kind encodes values as text, and decodes them.
func Kind() flows.Kind {
	return flows.Kind{
		Name:    "encode",
		Summary: "Writes a value as base64, hex, a hash, CSV, XML and so on, or reads it back.",
		Doc:     doc,
		Params:  params(),
		Example: "encode: {hmac: \"${ .payload }\", secret: partner_signing, output: base64, as: signature}",
		New:     func(args *flows.Args) (flows.Runner, error) { return newStep(args) },

		InternalOnly: true, // a file of the run is stored also in tests
	}
}

// step is one encode step of a flow.
type step struct {
	value *flows.Template
	as    string // member of the item for the result; "": the result replaces the item
	form  form
	saves bool // the result is a file of the run
}

// Effect implements flows.Effecter. A file that was stored is recorded, so that the next attempt has the same one.
func (s *step) Effect() flows.Effect {
	if s.saves {
		return flows.Read
	}
	return flows.Pure
}

// form computes the result for a value, which it must not modify.
type form func(ctx context.Context, in *flows.Input, v any) (any, error)

func newStep(args *flows.Args) (*step, error) {
	for _, format := range formats() {
		if !args.Has(format.name) {
			continue
		}
		form, err := format.form(args)
		if err != nil {
			return nil, err
		}
		return &step{value: args.Template(format.name), as: args.String("as"), form: form, saves: args.String("output") == outputFile}, nil
	}
	return nil, args.Errorf("", "there is nothing to encode") // the engine has reported this already
}

// Run encodes one item.
func (s *step) Run(ctx context.Context, in *flows.Input) ([]any, error) {
	v, err := s.value.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	charger := in.Charger(ctx)
	if text, ok := v.(string); ok { // hex and escapes need up to three bytes for one
		err = charger.Charge(3 * int64(len(text)))
	}
	if err != nil {
		return nil, failure.Limit(err)
	}
	result, err := s.form(ctx, in, v)
	if err != nil {
		return nil, failure.Limit(err)
	}
	if s.as == "" {
		return []any{result}, nil
	}
	return withMember(in.Value(), s.as, result)
}

// withMember returns the item with one more member.
func withMember(item any, name string, v any) ([]any, error) {
	object, ok := item.(map[string]any)
	if !ok && item != nil {
		return nil, failure.Errorf("as needs an object as the item, this one is %s", content.TypeName(item))
	}
	larger := make(map[string]any, len(object)+1)
	for member, value := range object {
		larger[member] = value
	}
	larger[name] = v
	return []any{larger}, nil
}

package steps

import (
	"context"
	"errors"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// validate checks items against a JSON Schema.
func validate() flows.Kind {
	return flows.Kind{
		Name:    "validate",
		Summary: "Fails on an item that violates a JSON Schema; others pass unchanged.",
		Doc: "The schema is JSON Schema 2020-12 and may refer to its own parts only. Formats are asserted, as their RFCs have them; " +
			"regular expressions are those of Go (RE2). " +
			"With `on_error: skip` items that violate it are dropped.",
		Params: []flows.Param{
			{Name: "schema", Type: flows.TypeLiteral, Required: true, Summary: "The JSON Schema."},
			{Name: "status", Type: flows.TypeInt, Default: "422", Summary: "HTTP status of the response, 400 to 599, where the interface lets a flow set it."},
			{Name: "message", Type: flows.TypeTemplate, Default: "the violations", Summary: "The message for the caller."},
		},
		Example: "validate:\n  schema: {type: object, required: [email], properties: {email: {type: string, format: email}}}",
		New:     newValidate,
	}
}

func newValidate(args *flows.Args) (flows.Runner, error) {
	schema, err := flows.NewValidator(args.Literal("schema"))
	if err != nil {
		return nil, args.Refuse(problem.BadSchema, "schema", "schema: %v", err)
	}
	status, message := 422, args.Template("message")
	if args.Has("status") {
		if status = args.Int("status"); status < 400 || status > 599 {
			return nil, args.Refuse(problem.BadStatus, "status", "status: expected 400 to 599")
		}
	}
	return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
		misfit := schema.Check(ctx, in.Value())
		if misfit == nil {
			return []any{in.Value()}, nil
		}
		misfit = flows.SchemaError(misfit, "", status)
		var failure *flows.Error
		if errors.As(misfit, &failure) && failure.Code == flows.CodeValidation && message != nil {
			said, err := message.Text(ctx, in)
			if err != nil {
				return nil, err
			}
			failure.Message = said
		}
		return nil, misfit
	}), nil
}

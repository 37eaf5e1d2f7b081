package steps

import (
	"context"

	"github.com/penstock/penstock/flows"
)

// logKind adds a line to the record of the run.
func logKind() flows.Kind {
	return flows.Kind{
		Name:    "log",
		Summary: "Writes a line into the run's record and lets the item pass unchanged.",
		Doc:     "The attribute `redact` masks fields by name.",
		Params: []flows.Param{
			{Name: "message", Type: flows.TypeTemplate, Required: true, Inline: true, Summary: "The text of the line."},
			{Name: "level", Type: flows.TypeEnum, Enum: []string{"debug", "info", "warn", "error"}, Default: "info", Summary: "Severity of the line."},
			{Name: "fields", Type: flows.TypeFields, Summary: "Further values of the line."},
		},
		Example: "log: {message: found nobody, level: warn, fields: {email: \"${ .email }\"}}",
		New: func(args *flows.Args) (flows.Runner, error) {
			l := logStep{message: args.Template("message"), level: "info", fields: args.Fields("fields")}
			if args.Has("level") {
				l.level = args.String("level")
			}
			return flows.RunFunc(l.run), nil
		},
	}
}

type logStep struct {
	message *flows.Template
	level   string
	fields  []flows.Field
}

func (l logStep) run(ctx context.Context, in *flows.Input) ([]any, error) {
	message, err := l.message.Text(ctx, in)
	if err != nil {
		return nil, err
	}
	fields := make(map[string]any, len(l.fields))
	for _, f := range l.fields {
		if fields[f.Name], err = f.Value.Render(ctx, in); err != nil {
			return nil, err
		}
	}
	in.Log(l.level, message, fields)
	return []any{in.Value()}, nil
}

package main

import (
	"context"
	"regexp"
	"strings"

	"github.com/penstock/penstock/flows"
)

// postcode is a kind that only computes.
func postcode() flows.Kind {
	return flows.Kind{
		Name:    "postcode",
		Summary: "Writes a British postcode as the post office does.",
		Doc:     "The item stays and gets the postcode as a field. What cannot be a postcode fails the step, or drops the item.",
		Params: []flows.Param{
			{Name: "of", Type: flows.TypeTemplate, Required: true, Inline: true, Summary: "The postcode as somebody typed it."},
			{Name: "into", Type: flows.TypeString, Default: "postcode", Summary: "The field of the item."},
			{Name: "unknown", Type: flows.TypeEnum, Enum: []string{"fail", "drop"}, Default: "fail", Summary: "What becomes of an item whose postcode is none."},
		},
		Example: "postcode: ${ .address.zip }",
		New:     newPostcode,
	}
}

var form = regexp.MustCompile(`^([A-Z]{1,2}[0-9][A-Z0-9]?) ?([0-9][A-Z]{2})$`)

// newPostcode is called once for each step of a flow: what can be wrong with
// its arguments is said here, with the line of the file.
func newPostcode(args *flows.Args) (flows.Runner, error) {
	of, into, drop := args.Template("of"), "postcode", args.String("unknown") == "drop"
	if args.Has("into") {
		if into = args.String("into"); into == "" {
			return nil, args.Errorf("into", "into: the field needs a name")
		}
	}
	return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
		said, err := of.Text(ctx, in)
		if err != nil {
			return nil, err
		}
		found := form.FindStringSubmatch(strings.Join(strings.Fields(strings.ToUpper(said)), " "))
		switch {
		case found == nil && drop:
			return nil, nil
		case found == nil:
			return nil, &flows.Error{Message: "this is no postcode: " + said}
		}
		item := map[string]any{}
		if old, ok := in.Value().(map[string]any); ok {
			for name, v := range old { // values are shared: copy, never change
				item[name] = v
			}
		}
		item[into] = found[1] + " " + found[2]
		return []any{item}, nil
	}), nil
}

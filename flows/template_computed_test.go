package flows_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

// Each value of a ${ } is passed to the function, and literal parts are not.
func TestRenderComputed(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	kind := flows.Kind{
		Name: "query", Summary: "Renders.", Effect: flows.Pure,
		Params: []flows.Param{{Name: "of", Type: flows.TypeTemplate, Required: true, Inline: true}},
		New: func(a *flows.Args) (flows.Runner, error) {
			return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
				v, err := a.Template("of").RenderComputed(ctx, in, func(v any, at flows.Position) (any, error) {
					if v == "bad" {
						return nil, refused
					}
					return strings.Join(at.Members, ".") + map[bool]string{true: " alone:", false: " part:"}[at.Alone] + string(flows.EncodeJSON(v)), nil
				})
				return []any{v}, err
			}), nil
		},
	}
	flow, err := flows.Parse("flow.yaml", []byte(`
flow: 1
steps:
  - query:
      of: {lit: "(a)", one: "${ .x }", text: "(${ .x }${ .y })", list: [1, "${ .y }", {in: "${ .x }"}]}
`), flows.NewCatalogue(kind))
	if err != nil {
		t.Fatal(err)
	}
	out, err := flow.Execute(t.Context(), flows.Run{Event: map[string]any{"x": "v", "y": []any{1}}}, flows.Env{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, out, `[{"list":[1,"list alone:[1]",{"in":"list.in alone:\"v\""}],"lit":"(a)","one":"one alone:\"v\"","text":"(text part:\"v\"text part:[1])"}]`)
	if _, err := flow.Execute(t.Context(), flows.Run{Event: map[string]any{"x": "bad"}}, flows.Env{}); !errors.Is(err, refused) {
		t.Errorf("error %v, want that of the function", err)
	}
}

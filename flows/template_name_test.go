package flows_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

// A value within a name stays one level of it, and makes no name that the system itself uses.
func TestName(t *testing.T) {
	t.Parallel()
	rules := flows.NameRules{Separators: "./", Wildcards: "*", Reserved: []string{"$", "_IN"}}
	kind := flows.Kind{
		Name: "send", Summary: "Renders a name.", Effect: flows.Pure,
		Params: []flows.Param{{Name: "to", Type: flows.TypeTemplate, Required: true, Inline: true}},
		New: func(a *flows.Args) (flows.Runner, error) {
			return flows.RunFunc(func(ctx context.Context, in *flows.Input) ([]any, error) {
				name, err := a.Template("to").Name(ctx, in, "topic", rules)
				return []any{name}, err
			}), nil
		},
	}
	for _, test := range []struct{ to, value, want string }{
		{"a.b", `1`, "a.b"}, {"$SYS.*", `1`, "$SYS.*"}, {"a.${ .v }", `"x"`, "a.x"}, {"a.${ .v }", `7`, "a.7"}, {"${ .v }", `"a.b/c"`, "a.b/c"}, {"${ .v }.b", `"a"`, "a.b"},
		{"$SYS.${ .v }", `"x"`, "$SYS.x"}, {"a.${ .v }", `"$SYS"`, "a.$SYS"},
		{"a.${ .v }", `"x.y"`, `error: topic: the value "x.y" has the character ".", and would be more than one level`}, {"a.${ .v }", `"7/x"`, `error: topic: the value "7/x" has the character "/"`},
		{"a.${ .v }", `"*"`, `error: topic: the value "*" has the character "*"`}, {"a.${ .v }", `""`, "error: topic: a value in it is empty"}, {"a.${ .v }", `null`, "error: topic: a value in it is null"},
		{"${ .v }", `["a"]`, "error: topic: a value in it is null, a list"}, {"${ .v }", `"a\u0000"`, "error: topic: a value in it is empty, or has a zero byte"},
		{"${ .v }", `"$SYS.a"`, `error: topic: "$SYS.a" is computed and begins with $, which is reserved`}, {"_${ .v }.a", `"INBOX"`, `error: topic: "_INBOX.a" is computed and begins with _IN`},
		{"${ .v }a", `"$"`, `error: topic: "$a" is computed`},
	} {
		flow, err := flows.Parse("flow.yaml", fmt.Appendf(nil, "flow: 1\nsteps:\n  - send: %q\n", test.to), flows.NewCatalogue(kind))
		if err != nil {
			t.Fatal(err)
		}
		value, err := flows.DecodeJSON([]byte(test.value))
		if err != nil {
			t.Fatal(err)
		}
		out, err := flow.Execute(t.Context(), flows.Run{Event: map[string]any{"v": value}}, flows.Env{})
		if wanted, ok := strings.CutPrefix(test.want, "error: "); ok {
			if err == nil || !strings.Contains(err.Error(), wanted) {
				t.Errorf("%s of %s: error %v, want %s", test.to, test.value, err, wanted)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s of %s: %v", test.to, test.value, err)
			continue
		}
		want(t, out, fmt.Sprintf("[%q]", test.want))
	}
}

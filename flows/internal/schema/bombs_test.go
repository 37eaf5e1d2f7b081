package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func decode(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func compiled(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := Compile(decode(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// kinds is a tree of groups and leaves, distinguished by their kind.
const kinds = `{"$ref":"#/$defs/node","$defs":{"node":{"KEYWORD":[
	{"type":"object","required":["kind"],"properties":{"kind":{"const":"group"},"child":{"$ref":"#/$defs/node"}}},
	{"type":"object","required":["kind"],"properties":{"kind":{"const":"leaf"},"child":{"$ref":"#/$defs/node"}}}]}}}`

func nested(kind string, depth int) string {
	return strings.Repeat(`{"kind":"`+kind+`","child":`, depth) + `{"kind":"` + kind + `"}` + strings.Repeat("}", depth)
}

// The work grows with the value, not with the number of paths through it.
func TestRecursionUnderAlternativesIsLinear(t *testing.T) {
	t.Parallel()
	for _, keyword := range []string{"anyOf", "oneOf"} {
		s := compiled(t, strings.Replace(kinds, "KEYWORD", keyword, 1))
		for _, kind := range []string{"bad", "group", "leaf"} {
			last := 0
			for _, depth := range []int{10, 16, 18, 20, 22, 44, 88, 176, 352} {
				steps, err := s.check(t.Context(), decode(t, nested(kind, depth)))
				if (err != nil) != (kind == "bad") {
					t.Errorf("%s of %d %s: %v", keyword, depth, kind, err)
				}
				if last > 0 && steps > 3*last {
					t.Errorf("%s of %d %s takes %d steps after %d", keyword, depth, kind, steps, last)
				}
				last = steps
			}
			if last > 60_000 {
				t.Errorf("%s of %s takes %d steps", keyword, kind, last)
			}
		}
	}
}

// These definitions double their references at each level.
func TestDoublingDefinitionsAreLinear(t *testing.T) {
	t.Parallel()
	parts := map[string]string{
		"allOf":  `{"allOf":[NEXT,NEXT]}`,
		"anyOf":  `{"anyOf":[NEXT,NEXT]}`,
		"oneOf":  `{"oneOf":[NEXT,{"not":NEXT}]}`,
		"not":    `{"not":{"allOf":[NEXT,NEXT]}}`,
		"if":     `{"if":NEXT,"then":NEXT,"else":NEXT}`,
		"ref":    `{"$ref":REF,"allOf":[NEXT]}`,
		"uneval": `{"allOf":[NEXT,NEXT],"unevaluatedProperties":true}`,
		"names":  `{"propertyNames":NEXT,"allOf":[NEXT]}`,
	}
	for name, part := range parts {
		for _, last := range []string{`{"type":["number","object","string"]}`, `{"type":"boolean"}`} {
			var defs strings.Builder
			const n = 60
			for i := range n {
				ref := fmt.Sprintf(`"#/$defs/d%d"`, i+1)
				next := strings.ReplaceAll(strings.ReplaceAll(part, "NEXT", `{"$ref":`+ref+`}`), "REF", ref)
				fmt.Fprintf(&defs, `"d%d":%s,`, i, next)
			}
			s := compiled(t, fmt.Sprintf(`{"$ref":"#/$defs/d0","$defs":{%s"d%d":%s}}`, defs.String(), n, last))
			for _, v := range []string{`1`, `{"a":"b"}`} {
				steps, err := s.check(t.Context(), decode(t, v))
				if steps > 200_000 {
					t.Errorf("%s of %s takes %d steps", name, v, steps)
				}
				var misfit *ValidationError
				if err != nil && !errors.As(err, &misfit) {
					t.Errorf("%s of %s: %v", name, v, err)
				}
			}
		}
	}
}

// Only displayed values are converted to text, and counting stops.
func TestManyViolations(t *testing.T) {
	t.Parallel()
	s := compiled(t, `{"items":{"type":"string","pattern":"^a"},"additionalProperties":false}`)
	list := make([]any, 100_000)
	steps, err := s.check(t.Context(), list)
	if err == nil || !strings.HasSuffix(err.Error(), "; and more than 95 more") || steps > 1000 {
		t.Errorf("%d steps, %v", steps, err)
	}
	if err := s.Check(t.Context(), list[:7]); err == nil || !strings.HasSuffix(err.Error(), "4: got null, want string; and 2 more") {
		t.Error(err)
	}
	names := map[string]any{}
	for i := range 100_000 {
		names[fmt.Sprint(strings.Repeat("x", 300), i)] = nil
	}
	if err := s.Check(t.Context(), names); err == nil || len(err.Error()) > 20_000 {
		t.Errorf("%.200s", err)
	}
}

// These values and schemas would compute without end.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	tests := []struct{ schema, value, want string }{
		{`{"multipleOf":0.3}`, `1e2000000000`, "multipleOf"},
		{`{"multipleOf":7}`, `1e-2000000000`, "multipleOf"},
		{`{"maximum":5}`, `1e2000000000`, "maximum"},
		{`{"minimum":5}`, `-1e99999999999`, "minimum"},
		{`{"exclusiveMinimum":0}`, `1e-2000000000`, ""},
		{`{"type":"integer"}`, `1e2000000000`, ""},
		{`{"const":1e10}`, `10000000000.0`, ""},
		{`{"uniqueItems":true}`, `[1, 1.0]`, "items at 0 and 1 are equal"},
		{`{"pattern":"(x+x+)+y"}`, `"` + strings.Repeat("x", 100_000) + `"`, "does not match"},
		{`{"pattern":"^(x{0,900}y?){0,1}.{0,900}z"}`, `"` + strings.Repeat("x", 1_000_000) + `"`, "takes more than"},
		{`{"format":"regex"}`, `"` + strings.Repeat("a{1000}", 9000) + `"`, "is not valid regex"},
	}
	for _, test := range tests {
		err := compiled(t, test.schema).Check(t.Context(), decode(t, test.value))
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.schema, err, test.want)
		}
	}
}

// These schemas would take unlimited time to compile.
func TestHostileSchemas(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`{"type":"string"},`, maxValues/2)
	for schema, want := range map[string]string{
		`{"allOf":[` + many + `true]}`:                        "more than 20000 values",
		`{"maximum":1e1000000000}`:                            "exponent beyond",
		`{"pattern":"` + strings.Repeat("a{1000}", 20) + `"}`: "more than 10000 instructions",
		`{"$ref":"http://h/s"}`:                               "",
	} {
		_, err := Compile(decode(t, schema), remotes{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v", schema, err)
		}
	}
}

// Ordinary recursive schemas stay fast on large data, oneOf included.
func TestLargeValidTrees(t *testing.T) {
	t.Parallel()
	for _, keyword := range []string{"anyOf", "oneOf"} {
		schema, value := tree20k(keyword)
		steps, err := compiled(t, schema).check(t.Context(), decode(t, value))
		if err != nil || steps > 10_000_000 {
			t.Errorf("%s: %d steps, %v", keyword, steps, err)
		}
	}
}

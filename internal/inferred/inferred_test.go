package inferred_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/inferred"
)

func TestSchema(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, values, want string }{
		{"nothing", `[]`, `{}`},
		{"null alone says nothing", `[null]`, `{}`},
		{"a text that may be null", `["a", null]`, `{"type":["string","null"]}`},
		{"whole numbers", `[1, 2]`, `{"type":"integer"}`},
		{"numbers", `[1, 2.5, 3]`, `{"type":"number"}`},
		{"several types", `["a", 1]`, `{}`},
		{"objects", `[{"a":1,"b":null},{"a":2,"b":"x","c":true}]`,
			`{"properties":{"a":{"type":"integer"},"b":{"type":["string","null"]},"c":{"type":"boolean"}},"required":["a","b"],"type":"object"}`},
		{"arrays", `[[], [{"a":[1]}], null]`,
			`{"items":{"properties":{"a":{"items":{"type":"integer"},"type":"array"}},"required":["a"],"type":"object"},"type":["array","null"]}`},
		{"an empty array", `[[]]`, `{"items":{},"type":"array"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(inferred.Schema(decode(t, c.values).([]any)))
			if err != nil || string(got) != c.want {
				t.Errorf("%s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestSchemaIsBounded(t *testing.T) {
	t.Parallel()
	var wide strings.Builder
	for i := range 10_000 {
		wide.WriteString(`,"` + strings.Repeat("x", i%50+1) + string(rune('a'+i%26)) + strings.Repeat("y", i/50) + `":1`)
	}
	for _, text := range []string{
		`[` + strings.Repeat(`{"a":`, 400) + `1` + strings.Repeat(`}`, 400) + `]`,
		`[{` + wide.String()[1:] + `}]`,
	} {
		got, err := json.Marshal(inferred.Schema(decode(t, text).([]any)))
		if err != nil || len(got) > 2000 {
			t.Errorf("a schema of %d bytes, %v", len(got), err)
		}
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

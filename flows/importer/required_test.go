package importer_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// required holds for the members of the whole schema, wherever it stands beside or within allOf. What only a response has is not required of a request.
func TestRequiredMembers(t *testing.T) {
	t.Parallel()
	const base = "{type: object, properties: {a: {type: string}, b: {type: string}, id: {type: string, readOnly: true}}}"
	const home = "{type: object, properties: {home: {type: object, properties: {city: {type: string}}}}}"
	tests := []struct{ name, schema, required string }{
		{"beside allOf", "{allOf: [" + base + "], required: [b]}", "[b]"},
		{"a part of its own", "{allOf: [" + base + ", {required: [b]}]}", "[b]"},
		{"before what it names", "{allOf: [{required: [b]}, " + base + "]}", "[b]"},
		{"another part", "{allOf: [" + base + ", {properties: {c: {type: string}}, required: [b, c]}]}", "[b c]"},
		{"nested", "{allOf: [{allOf: [{allOf: [" + base + "]}, {required: [b]}]}, {required: [a]}]}", "[a b]"},
		{"by reference", "{allOf: [{$ref: '#/components/schemas/base'}], required: [a]}", "[a]"},
		{"beside properties", "{properties: {c: {type: string}}, allOf: [" + base + "], required: [a, c]}", "[a c]"},
		{"read only", "{allOf: [" + base + "], required: [a, id]}", "[a]"},
		{"not described", "{allOf: [" + base + "], required: [a, nobody]}", "[a]"},
		{"of one variant", "{allOf: [" + base + "], required: [b], oneOf: [{required: [a]}, {required: [b]}]}", "[b]"},
		{"member of a member", "{allOf: [" + home + ", {properties: {home: {required: [city]}}}]}", "home [city]"},
		{"elements", "{properties: {list: {type: array, items: {allOf: [" + base + "], required: [b]}}}}", "list [b]"},
		{"variants", "{properties: {one: {required: [b], anyOf: [" + base + ", {type: object, properties: {c: {type: integer}}}]}}}", "one/0 [b]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, left := imported(t, head+"components: {schemas: {base: "+base+"}}\npaths: {/a: {post: {operationId: a, requestBody: {required: true, content: {application/json: {schema: "+test.schema+"}}}}}}")
			op, _ := c.Operation("a")
			if diff := cmp.Diff(test.required, requiredIn(op.Params)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			example, _ := op.Example.(map[string]any)
			if _, _, err := c.Call(t.Context(), "a", example["params"], example["response"]); err != nil || example["params"] == nil || left != "" {
				t.Errorf("the example: %v, %v; left: %s", example, err, left)
			}
		})
	}
}

// requiredIn writes the required members of a schema, and of those of its members, elements and variants that have some.
func requiredIn(schema map[string]any) string {
	var found string
	if list, ok := schema["required"].([]any); ok {
		found = fmt.Sprint(list)
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range []string{"home", "list", "one"} {
		p, described := properties[name].(map[string]any)
		if !described {
			continue
		}
		if items, ok := p["items"].(map[string]any); ok {
			p = items
		}
		if inner := requiredIn(p); inner != "" {
			found += " " + name + " " + inner
		}
		variants, _ := p["anyOf"].([]any)
		for i, v := range variants {
			if inner := requiredIn(v.(map[string]any)); inner != "" {
				found += fmt.Sprintf(" %s/%d %s", name, i, inner)
			}
		}
	}
	if found != "" && found[0] == ' ' {
		return found[1:]
	}
	return found
}

package schema

import (
	"encoding/json"
	"strings"
	"testing"
)

// No schema with any value, of 64 KB together, takes more steps than a check may, plus those of one operation.
func FuzzCheck(f *testing.F) {
	f.Add(strings.Replace(kinds, "KEYWORD", "anyOf", 1), nested("bad", 20))
	f.Add(order, orderOf(2))
	f.Add(`{"unevaluatedItems":false,"contains":{"type":"string"},"uniqueItems":true}`, `["a",1]`)
	f.Add(`{"$recursiveRef":"#","$schema":"https://json-schema.org/draft/2019-09/schema"}`, `{}`)
	f.Fuzz(func(t *testing.T, schema, value string) {
		var s, v any
		if len(schema)+len(value) > 64<<10 || json.Unmarshal([]byte(schema), &s) != nil || json.Unmarshal([]byte(value), &v) != nil {
			return
		}
		compiled, err := Compile(s, remotes{})
		if err != nil {
			return
		}
		if steps, err := compiled.check(t.Context(), v); steps > 2*maxSteps {
			t.Errorf("%d steps, %v", steps, err)
		}
	})
}

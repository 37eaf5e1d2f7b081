package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Random schemas and values over a small vocabulary, so that they often match, have the library's result and
// messages, in each draft.
func TestRandomAgainstTheLibrary(t *testing.T) {
	t.Parallel()
	drafts := []string{
		"http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-07/schema#",
		"https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema",
	}
	compared, failed := 0, 0
	for seed := range uint64(1000) {
		r := random{rand.New(rand.NewPCG(seed, 1)), int(seed) % len(drafts)}
		s := r.schema(4).(map[string]any)
		s["$schema"] = drafts[r.draft]
		keyword := "$defs"
		if r.draft < 3 {
			keyword = "definitions"
		}
		s[keyword] = map[string]any{"a": r.schema(3), "b": r.schema(3)}
		oracle := library(t, s)
		if oracle == nil {
			continue
		}
		own, err := Compile(s, remotes{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for range 20 {
			v := r.value(3)
			found := own.Check(t.Context(), v)
			if circular(oracle, v) {
				continue
			}
			text, _ := json.Marshal(map[string]any{"schema": s, "value": v})
			compare(t, fmt.Sprintf("seed %d: %s", seed, text), oracle, found, v)
			if compared++; found != nil {
				failed++
			}
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d values, %d do not fit", compared, failed)
	if compared < 10_000 || failed < 1000 || failed > compared-1000 {
		t.Errorf("%d values, %d do not fit", compared, failed)
	}
}

// circular reports whether the library found a schema inside itself, for which its message differs.
func circular(s *jsonschema.Schema, v any) bool {
	err, _ := s.Validate(v).(*jsonschema.ValidationError)
	return err != nil && cyclic(err)
}

func cyclic(err *jsonschema.ValidationError) bool {
	if fmt.Sprintf("%T", err.ErrorKind) == "*kind.RefCycle" {
		return true
	}
	for _, cause := range err.Causes {
		if cyclic(cause) {
			return true
		}
	}
	return false
}

type random struct {
	*rand.Rand
	draft int
}

func (r random) pick(words ...string) string { return words[r.IntN(len(words))] }
func (r random) name() string                { return r.pick("a", "b", "c", "ab") }

func (r random) value(depth int) any {
	if depth == 0 {
		depth = 1
	}
	switch n := r.IntN(8); {
	case n < 2 && depth > 1:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = r.value(depth - 1)
		}
		return list
	case n < 5 && depth > 1:
		object := map[string]any{}
		for range r.IntN(4) {
			object[r.name()] = r.value(depth - 1)
		}
		return object
	case n < 6:
		return json.Number(r.pick("0", "1", "2", "1.0", "2.5", "-1"))
	case n < 7:
		return r.name()
	}
	return []any{nil, true, false}[r.IntN(3)]
}

func (r random) schema(depth int) any {
	s := map[string]any{}
	for range 1 + r.IntN(3) {
		r.keyword(s, depth)
	}
	return s
}

func (r random) sub(depth int) any {
	if depth == 0 || r.IntN(12) == 0 {
		if r.draft == 0 {
			return map[string]any{}
		}
		return r.IntN(3) > 0
	}
	return r.schema(depth - 1)
}

func (r random) list(depth int) []any {
	list := make([]any, 1+r.IntN(3))
	for i := range list {
		list[i] = r.sub(depth)
	}
	return list
}

func (r random) keyword(s map[string]any, depth int) {
	count := json.Number(r.pick("0", "1", "2"))
	switch r.IntN(30) {
	case 0, 1:
		s["type"] = r.pick("null", "boolean", "number", "integer", "string", "array", "object")
	case 2:
		s["enum"] = []any{r.value(2), r.value(1), r.value(1)}
	case 3:
		s["const"] = r.value(2)
	case 4:
		s["minimum"] = count
	case 5:
		s["maximum"] = count
	case 6:
		s["multipleOf"] = json.Number(r.pick("1", "2", "0.5"))
	case 7:
		s[r.pick("minLength", "maxLength")] = count
	case 8:
		s["pattern"] = r.pick("^a", "b$")
	case 9:
		s[r.pick("minItems", "maxItems", "minProperties", "maxProperties")] = count
	case 10:
		s["uniqueItems"] = true
	case 11, 12:
		s["required"] = []any{r.name()}
	case 13, 14, 15:
		s["properties"] = map[string]any{r.name(): r.sub(depth), r.name(): r.sub(depth)}
	case 16:
		s["patternProperties"] = map[string]any{r.pick("^a", "b$"): r.sub(depth)}
	case 17:
		s["additionalProperties"] = r.sub(depth)
	case 18:
		s["propertyNames"] = r.sub(depth)
	case 19:
		if s["items"] = r.sub(depth); r.draft < 4 && r.IntN(2) == 0 {
			s["items"], s["additionalItems"] = r.list(depth), r.sub(depth)
		}
	case 20:
		s["prefixItems"] = r.list(depth)
	case 21:
		if s["contains"] = r.sub(depth); r.IntN(2) == 0 {
			s[r.pick("minContains", "maxContains")] = count
		}
	case 22:
		s["not"] = r.sub(depth)
	case 23, 24:
		s[r.pick("allOf", "anyOf", "oneOf")] = r.list(depth)
	case 25:
		s["if"], s["then"], s["else"] = r.sub(depth), r.sub(depth), r.sub(depth)
	case 26:
		s[r.pick("unevaluatedProperties", "unevaluatedItems")] = r.sub(depth)
	case 27:
		if s["dependentSchemas"] = map[string]any{r.name(): r.sub(depth)}; r.draft < 3 {
			s["dependencies"] = map[string]any{r.name(): r.sub(depth), "c": []any{r.name()}}
		}
		s["dependentRequired"] = map[string]any{r.name(): []any{r.name()}}
	default:
		defs := "#/$defs/"
		if r.draft < 3 {
			defs = "#/definitions/"
		}
		s["$ref"] = r.pick("#", defs+"a", defs+"b")
	}
}

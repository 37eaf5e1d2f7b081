package flowdoc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/openapi"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// people is a version of an API with lines of its operation, of its body's and of its output's schema.
func people(t *testing.T, operation, body, output string) *Part {
	t.Helper()
	source := "flow: 7\nslug: people\ntrigger:\n  http:\n    - post: /people\n" + operation
	if body != "" {
		source += "      schema: " + body + "\n"
	}
	if output != "" {
		source += "      output_schema: " + output + "\n"
	}
	f, err := flows.Parse("people.yaml", []byte(source+"steps:\n  - set: {id: 1}\n"), steps.Catalogue())
	if err != nil {
		t.Fatalf("%v\n%s", err, source)
	}
	return Describe(f)
}

func TestCompare(t *testing.T) {
	t.Parallel()
	const (
		plain  = "      params: {since: {format: date}, kind: {enum: [a, b]}}\n"
		body   = `{type: object, required: [name], properties: {name: {type: string}, age: {type: integer}}}`
		output = `{type: object, required: [id], properties: {id: {type: integer}, tags: {type: array, items: {type: object, properties: {key: {type: string}}}}}}`
	)
	was := people(t, plain, body, output)
	for name, tc := range map[string]struct {
		operation, body, output string
		want                    string // lines with "!" for breaking ones
	}{
		"nothing": {plain, body, output, ""},
		"a new required parameter": {
			"      params: {since: {format: date}, kind: {enum: [a, b]}, id: {required: true}}\n", body, output,
			"! The parameter `id` (query) is new and required.",
		},
		"a new optional parameter": {"      params: {since: {format: date}, kind: {enum: [a, b]}, id: string}\n", body, output, "The parameter `id` (query) is new."},
		"a removed parameter":      {"      params: {since: {format: date}}\n", body, output, "! The parameter `kind` (query) was removed."},
		"another type":             {"      params: {since: integer, kind: {enum: [a, b]}}\n", body, output, "! The type of the parameter `since` (query) is integer, and was string (date)."},
		"fewer values":             {"      params: {since: {format: date}, kind: {enum: [a]}}\n", body, output, "! The parameter `kind` (query) is no longer `b`."},
		"more values":              {"      params: {since: {format: date}, kind: {enum: [a, b, c]}}\n", body, output, "The parameter `kind` (query) may be `c`."},
		"a scope":                  {plain + "      scopes: {\"people:write\": Write}\n", body, output, "! It requires the scope `people:write`."},
		"fewer credentials":        {plain + "      auth: [bearer, basic]\n", body, output, "! It no longer takes the credentials `key`."},
		"files":                    {plain + "      max_body: 1MB\n", body, output, "It takes bodies as `multipart/form-data`, too.\nIt takes bodies as `application/octet-stream`, too."},
		"another form of the body": {
			plain + "      body: form\n", body, output,
			"! It no longer takes bodies as `application/json`.\nIt takes bodies as `application/x-www-form-urlencoded`, too.",
		},
		"deprecated": {plain + "      deprecated: true\n", body, output, "It is deprecated."},
		"a required member of the request": {
			plain, `{type: object, required: [name, age], properties: {name: {type: string}, age: {type: integer}}}`, output,
			"! The member `age` of the request is required.",
		},
		"a new required member of the request": {
			plain, `{type: object, required: [name, mail], properties: {name: {type: string}, age: {type: integer}, mail: {type: string}}}`, output,
			"! The member `mail` of the request is new and required.",
		},
		"a required member within a new optional one": {
			plain, `{type: object, required: [name], properties: {name: {type: string}, age: {type: integer}, home: {type: object, required: [city], properties: {city: {type: string}}}}}`, output,
			"The member `home` of the request is new.\nThe member `home.city` of the request is new.",
		},
		"a wider type of the request": {
			plain, `{type: object, required: [name], properties: {name: {type: string}, age: {type: number}}}`, output,
			"The type of the member `age` of the request is number, and was integer.",
		},
		"a removed member of the response": {
			plain, body, `{type: object, properties: {tags: {type: array, items: {type: object, properties: {key: {type: string}}}}}}`,
			"! The member `[].id` of the response was removed.",
		},
		"a removed member far down": {
			plain, body, `{type: object, required: [id], properties: {id: {type: integer}, tags: {type: array, items: {type: object}}}}`,
			"! The member `[].tags[].key` of the response was removed.",
		},
		"a member of the response that may be absent": {
			plain, body, `{type: object, properties: {id: {type: integer}, tags: {type: array, items: {type: object, properties: {key: {type: string}}}}}}`,
			"! The member `[].id` of the response may be absent.",
		},
		"a new member and another type of the response": {
			plain, body, `{type: object, required: [id], properties: {id: {type: string}, name: {type: string}, tags: {type: array, items: {type: object, properties: {key: {type: string}}}}}}`,
			"! The type of the member `[].id` of the response is string, and was integer.\nThe member `[].name` of the response is new.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := told(Compare(was, people(t, tc.operation, tc.body, tc.output))); got != tc.want {
				t.Errorf("got\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
	if got := told(Compare(was, nil)); got != "! The operation was removed." {
		t.Errorf("removed: %s", got)
	}
	if got := told(Compare(nil, was)); got != "The operation is new." {
		t.Errorf("new: %s", got)
	}
}

func told(all []Change) string {
	var lines []string
	for _, c := range all {
		line := c.Text
		if c.Breaking {
			line = "! " + line
		}
		if c.Operation != "POST /people" {
			line = c.Operation + ": " + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// A schema that refers to itself many times is written out in bounded time and space.
func TestSheetsOfRecursiveSchemas(t *testing.T) {
	t.Parallel()
	var members, allOf []string
	for i := range 30 {
		members = append(members, fmt.Sprintf("m%d: {$ref: '#'}", i))
		allOf = append(allOf, "{$ref: '#/$defs/n'}")
	}
	schema := "{$defs: {n: {allOf: [" + strings.Join(allOf, ", ") + "]}}, allOf: [{$ref: '#/$defs/n'}], type: object, properties: {" + strings.Join(members, ", ") + "}}"
	part := people(t, "", schema, "")
	own, err := openapi.Describe()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBuilder(own)
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := b.Sheet(&part.Operations[0])
	if err != nil || len(sheet.Bodies) != 1 {
		t.Fatalf("%+v, %v", sheet, err)
	}
	if n := len(sheet.Bodies[0].Members); n == 0 || n > maxMembers || len(sheet.Bodies[0].Schema) > 4<<20 {
		t.Errorf("%d members, a schema of %d bytes", n, len(sheet.Bodies[0].Schema))
	}
}

// A body without an example has one in the form of its schema.
func TestSkeleton(t *testing.T) {
	t.Parallel()
	own, err := openapi.Describe()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBuilder(own)
	if err != nil {
		t.Fatal(err)
	}
	for schema, want := range map[string]string{
		`{type: object, properties: {a: {type: string}, b: {type: [integer, 'null'], minimum: 3}, c: {type: array, items: {$ref: '#/$defs/d'}}, e: {enum: [x, y]}, f: {oneOf: [{type: boolean}, {}]}}, $defs: {d: {type: object, properties: {at: {type: string, format: date}}}}}`: `{"a":"text","b":3,"c":[{"at":"2026-11-29"}],"e":"x","f":true}`,
		`{type: object, properties: {again: {$ref: '#'}}}`: `{"again":{"again":{"again":{"again":{"again":null}}}}}`,
		`{type: string}`: "",
	} {
		part := people(t, "", schema, "")
		sheet, err := b.Sheet(&part.Operations[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(strings.Fields(sheet.Request()), ""); got != want {
			t.Errorf("%s: %s, want %s", schema, got, want)
		}
	}
}

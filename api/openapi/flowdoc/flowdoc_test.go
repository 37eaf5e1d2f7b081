package flowdoc_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/openapi"
	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/strictjson"
)

// flowsOfClients are those of tests/clients, which generators read there.
const flowsOfClients = "../../../tests/clients/generated/flows/"

func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	b := builder(t)
	var parts []*flowdoc.Part
	for _, file := range []string{"people.yaml", "orders.yaml", "files.yaml"} {
		source, err := os.ReadFile(flowsOfClients + file)
		if err != nil {
			t.Fatal(err)
		}
		f := parse(t, string(source))
		for _, r := range flows.RunTests(t.Context(), f) {
			if r.Failure != "" {
				t.Errorf("%s: %s", r.Name, r.Failure)
			}
		}
		parts = append(parts, flowdoc.Describe(f))
		valid(t, b.One(parts[len(parts)-1]))
	}
	all, err := b.All(parts, "A note.")
	if err != nil {
		t.Fatal(err)
	}
	doc := valid(t, all)
	if !strings.HasSuffix(doc.Info.Description, "\n\nA note.") || doc.Paths.Value("/crm/v1/people/{id}").Put == nil || doc.Paths.Value("/v1/users") == nil {
		t.Errorf("the document of all: %s", doc.Info.Description)
	}
}

func TestOperation(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(flowsOfClients + "people.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc := load(t, builder(t).One(flowdoc.Describe(parse(t, string(source)))))
	for at, want := range map[string]string{
		"/tags/0/name": `"Flow people"`,
		"/paths/~1crm~1v1~1people/get/operationId":                                                                `"people_list"`,
		"/paths/~1crm~1v1~1people/get/x-penstock-scopes":                                                          `["people:read"]`,
		"/paths/~1crm~1v1~1people/get/description":                                                                `"The newest first, unless ` + "`order_by`" + ` says otherwise.\n\nScope ` + "`people:read`" + `: Read people.\n\nAn answer may be 10s old."`,
		"/paths/~1crm~1v1~1people/get/security":                                                                   `[{"bearer":[]},{"basic":[]},{"key":[],"signature":[]}]`,
		"/paths/~1crm~1v1~1people/get/parameters/1":                                                               `{"description":"Those of one state.","example":"CO","in":"query","name":"state","schema":{"enum":["CO","NY"],"type":"string"}}`,
		"/paths/~1crm~1v1~1people/get/parameters/2":                                                               `{"explode":false,"in":"query","name":"tags","schema":{"items":{"type":"string"},"maxItems":5,"type":"array"},"style":"form"}`,
		"/paths/~1crm~1v1~1people/get/responses/200/content/application~1json/examples/example1/value/total":      `1`,
		"/components/schemas/people_list_Item":                                                                    `{"$ref":"#/components/schemas/people_list_Item_person"}`,
		"/components/schemas/people_list_Item_person/properties/friends/items":                                    `{"$ref":"#/components/schemas/people_list_Item_person"}`,
		"/components/schemas/people_read_Item/x-penstock-inferred":                                                `true`,
		"/components/schemas/people_read_Item/required":                                                           `["id","name","state"]`,
		"/paths/~1crm~1v1~1people~1{id}/get/responses/404":                                                        `{"$ref":"#/components/responses/NoItem"}`,
		"/paths/~1crm~1v1~1people~1{id}/get/parameters/0/example":                                                 `7`,
		"/paths/~1crm~1v1~1people~1{id}/put/security":                                                             `[{"bearer":[]},{"basic":[]}]`,
		"/paths/~1crm~1v1~1people~1{id}/put/requestBody/required":                                                 `true`,
		"/paths/~1crm~1v1~1people~1{id}/put/requestBody/content/application~1json/examples/example1/value/secret": `"***"`,
		"/paths/~1crm~1v1~1people~1{id}/put/responses/409/description":                                            `"The run failed, as in: a name that is taken."`,
		"/paths/~1crm~1v1~1people~1{id}/delete/deprecated":                                                        `true`,
		"/paths/~1crm~1v1~1people~1{id}/delete/responses/200/content":                                             `{"*/*":{"schema":{}}}`,
		"/paths/~1crm~1v1~1status/get/security":                                                                   `[]`,
		"/paths/~1crm~1v1~1status/get/responses/401":                                                              `null`,
		"/components/responses/TooManyRequests/headers/Retry-After/$ref":                                          `"#/components/headers/RetryAfter"`,
	} {
		got, err := json.Marshal(value(doc, at))
		if err != nil || string(got) != want {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
	if text := string(flows.EncodeJSON(doc)); strings.Contains(text, "a-secret-of-a-test") {
		t.Error("a redacted value is in the document")
	}
}

// Bodies are described by the media types in which they are taken, and files in them as bytes.
func TestBodies(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(flowsOfClients + "files.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc := load(t, builder(t).One(flowdoc.Describe(parse(t, string(source)))))
	for at, want := range map[string]string{
		"/paths/~1crm~1v1~1documents/post/requestBody": `{"content":{"multipart/form-data":{"encoding":{"pages":{"contentType":"application/json"}},"schema":{"$ref":"#/components/schemas/documents_upload_Body"}}},"required":true}`,
		"/components/schemas/documents_upload_Body/properties": `{"document":{"description":"The document.","format":"binary","type":"string"},"more":{"items":{"format":"binary","type":"string"},"type":"array"},` +
			`"pages":{"type":"integer"},"title":{"type":"string"}}`,
		"/paths/~1crm~1v1~1documents~1{id}/put/requestBody/content":   `{"application/octet-stream":{"schema":{"format":"binary","type":"string"}}}`,
		"/paths/~1crm~1v1~1documents~1{id}/put/responses/200/content": `{"*/*":{"schema":{"format":"binary","type":"string"}}}`,
		"/paths/~1crm~1v1~1notes/post/requestBody/content": `{"application/json":{"examples":{"example1":{"summary":"a note","value":{"text":"hello"}}},"schema":{}},` +
			`"application/octet-stream":{"schema":{"format":"binary","type":"string"}},"multipart/form-data":{"schema":{"type":"object"}}}`,
	} {
		got, err := json.Marshal(value(doc, at))
		if err != nil || string(got) != want {
			t.Errorf("%s is\n%s, want\n%s", at, got, want)
		}
	}
}

// The media types of a body follow what the flow declares.
func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for declared, want := range map[string]string{
		"":                          "application/json",
		"body: json":                "application/json",
		"body: json, max_body: 1MB": "application/json",
		"body: form":                "application/x-www-form-urlencoded",
		"body: nested_form":         "application/x-www-form-urlencoded",
		"body: multipart":           "multipart/form-data",
		"body: xml":                 "application/xml",
		"body: csv":                 "text/csv",
		"body: ndjson":              "application/x-ndjson",
		"body: text":                "text/plain",
		"body: bytes":               "application/octet-stream",
		"body: file, max_body: 1MB": "application/octet-stream",
		"max_body: 1MB":             "application/json application/octet-stream multipart/form-data",
		"max_body: 1MB, schema: {type: object, properties: {a: {type: object, properties: {file: {}}}}}": "application/json application/octet-stream multipart/form-data",
	} {
		for _, trigger := range []string{"http: {post: /a, %s}", "webhook: {%s}"} {
			p := flowdoc.Describe(parse(t, "flow: 1\ntrigger: {"+fmt.Sprintf(trigger, declared)+"}\nsteps: [{respond: {file: '${ .a }'}}]"))
			text := builder(t).One(p)
			valid(t, text)
			content, _ := value(load(t, text), "/paths/"+strings.ReplaceAll(p.Operations[0].Path, "/", "~1")+"/post/requestBody/content").(map[string]any)
			if got := strings.Join(slices.Sorted(maps.Keys(content)), " "); got != want {
				t.Errorf("%s with %s: %s, want %s", trigger, declared, got, want)
			}
		}
	}
}

// Values that make a schema, and what becomes of it in a document, the components by their names behind "a_get_Item".
func TestSchemasMove(t *testing.T) {
	t.Parallel()
	const open = `{"":{"description":"There is a JSON Schema of this value in the flow, which cannot be given here."}}`
	for _, c := range []struct{ name, schema, want string }{
		{"as it is", `{type: object, properties: {a: {const: 1}}, additionalProperties: false}`, `{"":{"additionalProperties":false,"properties":{"a":{"const":1}},"type":"object"}}`},
		{"itself", `{type: object, properties: {a: {$ref: '#'}}}`, `{"":{"properties":{"a":{"$ref":"#/components/schemas/a_get_Item"}},"type":"object"}}`},
		{"a part", `{properties: {a: {$ref: '#/$defs/b~1c'}}, $defs: {b/c: {type: array}}}`, `{"":{"properties":{"a":{"$ref":"#/components/schemas/a_get_Item_b_1c"}}},"_b_1c":{"items":{},"type":"array"}}`},
		{"parts of one name", `{oneOf: [{$ref: '#/$defs/x/$defs/y'}, {$ref: '#/$defs/y'}], $defs: {y: {type: string}, x: {$defs: {y: {type: integer}}}}}`,
			`{"":{"oneOf":[{"$ref":"#/components/schemas/a_get_Item_y"},{"$ref":"#/components/schemas/a_get_Item_y2"}]},"_y":{"type":"integer"},"_y2":{"type":"string"}}`},
		{"its own id", `{$id: 'https://example.org/s', properties: {a: {$ref: 'https://example.org/s#'}}}`, `{"":{"properties":{"a":{"$ref":"#/components/schemas/a_get_Item"}}}}`},
		{"booleans", `{properties: {a: true, b: false}, items: true}`, `{"":{"items":{},"properties":{"a":{},"b":{"not":{}}}}}`},
		{"several types", `{type: [string, array, 'null'], maxLength: 3}`, `{"":{"anyOf":[{"type":"string"},{"items":{},"type":"array"},{"type":"null"}],"maxLength":3}}`},
		{"a property that is named as a keyword", `{properties: {$ref: {type: string}, items: {type: string}}}`, `{"":{"properties":{"$ref":{"type":"string"},"items":{"type":"string"}}}}`},
		{"an anchor", `{properties: {a: {$ref: '#x'}}, $defs: {x: {$anchor: x}}}`, open},
		{"dynamic", `{$dynamicAnchor: n, properties: {a: {$dynamicRef: '#n'}}}`, open},
		{"large", `{enum: ["` + strings.Repeat("x", 70_000) + `"]}`, open},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := parse(t, fmt.Sprintf("flow: 1\nslug: a\ntrigger: {http: {get: /a}}\nsteps: [{set: {a: 1}}]\noutput_schema: %s\n", c.schema))
			got := map[string]any{}
			schemas, _ := value(load(t, builder(t).One(flowdoc.Describe(f))), "/components/schemas").(map[string]any)
			for name, schema := range schemas {
				if role, ours := strings.CutPrefix(name, "a_get_Item"); ours {
					got[role] = schema
				}
			}
			if diff := cmp.Diff(c.want, string(flows.EncodeJSON(got))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Operations of any two flows have different ids.
func TestOperationIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for i, slug := range []string{"", "slug: flow1", "slug: a-b", "slug: ab", "slug: a1", "slug: a-1", "slug: 1a", "slug: list-flows"} {
		p := flowdoc.Describe(parse(t, fmt.Sprintf("flow: %d\n%s\ntrigger:\n  http:\n    - {get: /a, name: x-y}\n    - {get: /b, name: x_y}\nsteps: [{set: {a: 1}}]", i+1, slug)))
		for _, o := range p.Operations {
			if seen[o.ID] != "" {
				t.Errorf("%q and %q have an operation %s", seen[o.ID], slug, o.ID)
			}
			seen[o.ID] = slug + " "
		}
	}
	if seen["aB_x_y"] == "" || seen["flow1_x_y"] == "" {
		t.Errorf("ids %v", seen)
	}
}

func TestDeclared(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"":                                 false,
		"trigger: webhook":                 false,
		"trigger: {schedule: '@hourly'}":   false,
		"output_schema: {type: object}":    true,
		"trigger: {webhook: {schema: {}}}": true,
		"trigger: {http: {post: /a}}":      true,
		"run: {batch: {size: 2, within: 1m}}\ntrigger: {webhook: {schema: {}}}": true,
	} {
		p := flowdoc.Describe(parse(t, "flow: 1\n"+source+"\nsteps: [{set: {a: 1}}]"))
		if p.Declared != want || len(p.Operations) != 1 || p.Size() < 100 {
			t.Errorf("%s: declared %v, %d operations", source, p.Declared, len(p.Operations))
		}
		valid(t, builder(t).One(p))
	}
}

func builder(t *testing.T) *flowdoc.Builder {
	t.Helper()
	own, err := openapi.Describe()
	if err != nil {
		t.Fatal(err)
	}
	b, err := flowdoc.NewBuilder(own)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t *testing.T, source string) *flows.Flow {
	t.Helper()
	f, err := flows.Parse("test.yaml", []byte(source), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// valid checks a document as a reader of OpenAPI does.
func valid(t *testing.T, text []byte) *openapi3.T {
	t.Helper()
	if err := strictjson.Check(text, strictjson.MaxDepth); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return doc
}

func load(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return v
}

// value returns what a JSON pointer leads to; nil: nothing.
func value(v any, pointer string) any {
	for word := range strings.SplitSeq(pointer[1:], "/") {
		word = strings.NewReplacer("~1", "/", "~0", "~").Replace(word)
		if list, ok := v.([]any); ok && len(word) == 1 && int(word[0]-'0') < len(list) {
			v = list[word[0]-'0']
			continue
		}
		members, _ := v.(map[string]any)
		v = members[word]
	}
	return v
}

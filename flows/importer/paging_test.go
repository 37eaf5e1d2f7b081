package importer_test

import (
	"strings"
	"testing"
)

// pagedBy is a document with a list and a parameter for pages.
func pagedBy(param, response string) string {
	return head + "paths: {/a: {get: {operationId: a, parameters: [{in: query, name: page, " + param + "}], responses: {'200': {description: ok, content: {application/json: {schema: " + response + "}}}}}}}"
}

// Pages are read from the first one that the document names; when it names none, they are not read, and that is said.
func TestFirstPage(t *testing.T) {
	t.Parallel()
	const list = "{type: array, items: {type: object, properties: {id: {type: integer}}}}"
	for param, want := range map[string]string{
		"schema: {type: integer, default: 1}":                                               "1",
		"schema: {type: integer, default: 0}":                                               "0",
		"schema: {type: integer, minimum: 0}":                                               "0",
		"schema: {type: integer, minimum: 1}":                                               "1",
		"schema: {type: integer, minimum: 0, default: 1}":                                   "1",
		"schema: {type: integer}, example: 0":                                               "0",
		"schema: {type: integer}, example: 1":                                               "",
		"schema: {type: integer}, description: Zero-based page index (0..N)":                "0",
		"schema: {type: integer}, description: 'Page number, starting at 0.'":               "0",
		"schema: {type: integer}, description: Page number (starts from 1)":                 "1",
		"schema: {type: integer, minimum: 0}, description: The first page is 1":             "1",
		"schema: {type: integer, description: 1-based number of the page}":                  "1",
		"schema: {type: integer, default: 1}, description: Zero-based":                      "",
		"schema: {type: integer, minimum: 1}, description: Zero-based":                      "",
		"schema: {type: integer}, description: Number of the page with at most 10 records.": "",
		"schema: {type: integer}":                                                           "",
	} {
		c, left := imported(t, pagedBy(param, list))
		items, sent, err := c.Call(t.Context(), "a", nil, map[string]any{"json": []any{}})
		if err != nil {
			t.Fatal(err)
		}
		query, _ := sent[0].(map[string]any)["query"].(map[string]any)
		got, _ := query["page"].(string)
		if got != want || (want == "") == (len(items) == 0) || (want == "") != strings.Contains(left, "whether the first page is 0 or 1") {
			t.Errorf("%s: the first page is %q, want %q; %d items; %s", param, got, want, len(items), left)
		}
	}
}

// A response without its list fails, unless the schema says that the list is optional, which the operation tells.
func TestMissingList(t *testing.T) {
	t.Parallel()
	for response, fails := range map[string]bool{
		"{properties: {people: {type: array, items: {type: object}}}}":                                                   true,
		"{required: [people], properties: {people: {type: array, items: {type: object}}}}":                               true,
		"{required: [ok], properties: {ok: {type: boolean}, people: {type: array, items: {type: object}}}}":              false,
		"{properties: {people: {type: array, nullable: true, items: {type: object}}}}":                                   false,
		"{allOf: [{required: [ok]}, {properties: {ok: {type: boolean}, people: {type: array, items: {type: object}}}}]}": false,
	} {
		c, _ := imported(t, pagedBy("schema: {type: integer, default: 1}", response))
		items, _, err := c.Call(t.Context(), "a", nil, map[string]any{"json": map[string]any{"error": "rate limited"}})
		if (err != nil) != fails || len(items) > 0 {
			t.Errorf("%s: %v, %v", response, items, err)
		}
		op, _ := c.Operation("a")
		if strings.Contains(op.Doc, "without the list .people") == fails {
			t.Errorf("%s: %s", response, op.Doc)
		}
	}
}

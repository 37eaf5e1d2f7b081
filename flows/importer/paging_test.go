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

// Where the pages of a list are not read, that is listed with the parameter and the reason.
func TestPagesThatAreNotRead(t *testing.T) {
	t.Parallel()
	const list = "{type: array, items: {type: object, properties: {id: {type: integer}}}}"
	const whole, text = "schema: {type: integer, default: 1}", "schema: {type: string}"
	for _, test := range []struct{ name, params, response, want string }{
		{"one list", "{in: query, name: page, " + whole + "}", "{properties: {people: " + list + "}}", ""},
		{"two lists", "{in: query, name: page, " + whole + "}, {in: query, name: per_page, schema: {type: integer}}", "{properties: {people: " + list + ", pets: " + list + "}}",
			"a: #/paths/~1a/get: the pages are not read: there is a parameter page, and the response has several lists: people, pets"},
		{"no list", "{in: query, name: page, " + whole + "}", "{properties: {id: {type: integer}}}", "there is a parameter page, and the response has no list"},
		{"nothing described", "{in: query, name: page, " + whole + "}", "{}", "there is a parameter page, and the response has no list"},
		{"page that is a text", "{in: query, name: page, " + text + "}", "{properties: {people: " + list + "}}", "there is a parameter page, which is no whole number"},
		{"cursor of the response", "{in: query, name: cursor, " + text + "}", "{properties: {people: " + list + ", next_cursor: {type: string}}}", ""},
		{"unknown cursor of the response", "{in: query, name: cursor, " + text + "}", "{properties: {people: " + list + ", more: {type: string}}}", "there is a parameter cursor, and how the next page is asked for is not known"},
		{"cursor of a response that is the list", "{in: query, name: cursor, " + text + "}", list, "there is a parameter cursor, and how the next page is asked for is not known"},
		{"offset that is a text", "{in: query, name: offset, " + text + "}", "{properties: {records: " + list + ", offset: {type: string}}}", ""},
		{"offset without a cursor", "{in: query, name: offset, " + text + "}, {in: query, name: limit, schema: {type: integer}}", "{properties: {records: " + list + "}}", "there is a parameter offset, and how the next page is asked for is not known"},
		{"after that is a date", "{in: query, name: after, schema: {type: string, format: date}}", "{properties: {people: " + list + "}}", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, left := imported(t, head+"paths: {/a: {get: {operationId: a, parameters: ["+test.params+"], responses: {'200': {description: ok, content: {application/json: {schema: "+test.response+"}}}}}}}")
			if !strings.Contains(left, test.want) || test.want == "" && left != "" {
				t.Errorf("left: %s\nwant %s", left, test.want)
			}
		})
	}
}

// The text offset of a response asks for the next page, as Airtable does.
func TestOffsetOfResponse(t *testing.T) {
	t.Parallel()
	c, _ := imported(t, head+"paths: {/a: {get: {operationId: a, parameters: [{in: query, name: offset, schema: {type: string}}], responses: {'200': {description: ok, content: {application/json: {schema: {properties: {records: {type: array, items: {type: object}}, offset: {type: string}}}}}}}}}}")
	page := func(body map[string]any) any { return map[string]any{"json": body} }
	items, sent, err := c.Call(t.Context(), "a", nil, []any{
		page(map[string]any{"records": []any{map[string]any{"id": 1}}, "offset": "itr/rec"}), page(map[string]any{"records": []any{map[string]any{"id": 2}}}),
	})
	if err != nil || len(items) != 2 || len(sent) != 2 {
		t.Fatalf("%v, %v, %v", items, sent, err)
	}
	if query, _ := sent[1].(map[string]any)["query"].(map[string]any); query["offset"] != "itr/rec" {
		t.Errorf("the second request: %v", sent[1])
	}
}

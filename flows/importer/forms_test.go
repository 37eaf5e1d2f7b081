package importer_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

// sentBy executes the operation a and returns what it sends as a text: the target, the headers and the body.
func sentBy(t *testing.T, document string, params map[string]any) string {
	t.Helper()
	c, _ := imported(t, document)
	return sentText(t, c, params)
}

func sentText(t *testing.T, c *flows.Connector, params map[string]any) string {
	t.Helper()
	r, err := sent(t, c, "a", params)
	if err != nil {
		t.Fatalf("%v\n%s", err, c.Source)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.URL.RequestURI() + "\n" + fmt.Sprint(r.Header) + "\n" + string(body)
}

// Each member of a form and each parameter is encoded as the document says of it.
func TestEncodings(t *testing.T) {
	t.Parallel()
	const form = head + "paths: {/a: {post: {operationId: a, requestBody: {content: {application/x-www-form-urlencoded: {encoding: {%s}, schema: {type: object, properties: {" +
		"csv: {type: array, items: {type: integer}}, ids: {type: array, items: {type: integer}}, deep: {type: object, properties: {x: {type: integer}}}}}}}}}}}"
	const swagger = "{swagger: '2.0', info: {title: T, version: '1'}, host: api.example.org, consumes: [application/x-www-form-urlencoded], paths: {'/a%s': {post: {operationId: a, parameters: [%s]}}}}"
	list := func(in, name, format string) string {
		return "{in: " + in + ", name: " + name + ", required: true, type: array, items: {type: string}, collectionFormat: " + format + "}"
	}
	three := head + "paths: {/a: {get: {operationId: a, parameters: [{%s}]}}}"
	object := "schema: {type: object, properties: {a: {type: integer}, b: {type: integer}}}"
	ab := map[string]any{"v": []any{"a", "b"}}
	for _, test := range []struct {
		document string
		params   map[string]any
		want     string
	}{
		{fmt.Sprintf(form, "csv: {explode: false}"), map[string]any{"csv": []any{1, 2}, "ids": []any{1, 2}}, "csv=1%2C2&ids=1&ids=2"},
		{fmt.Sprintf(form, "csv: {style: pipeDelimited}, deep: {style: deepObject}"), map[string]any{"csv": []any{1, 2}, "ids": []any{1, 2}, "deep": map[string]any{"x": 1}}, "csv=1%7C2&deep%5Bx%5D=1&ids=1&ids=2"},
		{fmt.Sprintf(form, "deep: {style: deepObject}"), map[string]any{"ids": []any{1, 2}}, "\nids=1&ids=2"},
		{fmt.Sprintf(form, ""), map[string]any{"csv": []any{1, 2}, "deep": map[string]any{"x": 1}}, "csv=1&csv=2&deep=%7B%22x%22%3A1%7D"},
		{fmt.Sprintf(swagger, "", list("formData", "v", "multi")+", "+list("formData", "w", "csv")), map[string]any{"v": []any{"1", "2"}, "w": []any{"1", "2"}}, "v=1&v=2&w=1%2C2"},
		{fmt.Sprintf(swagger, "", list("query", "v", "tsv")), ab, "/a?v=a%09b"},
		{fmt.Sprintf(swagger, "/{v}", list("path", "v", "pipes")), ab, "/a/a%7Cb\n"},
		{fmt.Sprintf(swagger, "/{v}", list("path", "v", "ssv")), ab, "/a/a%20b\n"},
		{fmt.Sprintf(swagger, "", list("header", "v", "ssv")), ab, "V:[a b]"},
		{fmt.Sprintf(swagger, "", list("header", "v", "csv")), ab, "V:[a,b]"},
		{fmt.Sprintf(three, "in: header, name: v, explode: true, "+object), map[string]any{"v": map[string]any{"a": 1, "b": 2}}, "V:[a=1,b=2]"},
		{fmt.Sprintf(three, "in: header, name: v, "+object), map[string]any{"v": map[string]any{"a": 1, "b": 2}}, "V:[a,1,b,2]"},
		{fmt.Sprintf(three, "in: cookie, name: v, schema: {type: array, items: {type: string}}"), map[string]any{"v": []any{"a;", "b"}}, "Cookie:[v=a%3B,b]"},
		{fmt.Sprintf(three, "in: cookie, name: v, "+object), map[string]any{"v": map[string]any{"a": 1, "b": 2}}, "Cookie:[v=a,1,b,2]"},
	} {
		if got := sentBy(t, test.document, test.params); !strings.Contains(got, test.want) {
			t.Errorf("%s\n%s\nwants %s", test.document, got, test.want)
		}
	}
}

// Parts of a form have the content types of the document, and a member with a list of files takes several.
func TestParts(t *testing.T) {
	t.Parallel()
	c, left := imported(t, head+`
paths: {/a: {post: {operationId: a, requestBody: {content: {multipart/form-data: {
  encoding: {note: {contentType: text/markdown}, any: {contentType: 'image/png, image/jpeg'}},
  schema: {type: object, required: [files], properties: {files: {type: array, items: {type: string, format: binary}}, note: {type: string}, any: {type: string}}}}}}}}}
`)
	files, _ := paramsOf(t, c, "a")["files"].(map[string]any)
	items, _ := files["items"].(map[string]any)
	if fmt.Sprint(items["required"]) != "[file]" || strings.Contains(left, "without an example") {
		t.Errorf("%v\n%s", files, left)
	}
	got := sentText(t, c, map[string]any{"files": []any{}, "note": "# a", "any": "x"})
	for _, want := range []string{"name=\"note\"\r\nContent-Type: text/markdown\r\n\r\n# a", "name=\"any\"\r\n\r\nx"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nwants %s", got, want)
		}
	}
	if !strings.Contains(string(c.Source), "then .value[] else .value end") {
		t.Errorf("a list of files is no list of parts:\n%s", c.Source)
	}
}

package importer_test

import (
	"fmt"
	"strings"
	"testing"
)

// A body of XML with the schema of an object is a text, which is sent as it is.
func TestXMLBody(t *testing.T) {
	t.Parallel()
	c, left := imported(t, head+"paths: {/a: {post: {operationId: a, requestBody: {required: true, content: {application/xml: {schema: {type: object, properties: {id: {type: integer}}}}}}}}}")
	_, sent, err := c.Call(t.Context(), "a", map[string]any{"body": "<a><id>1</id></a>"}, map[string]any{"json": 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(sent[0]); !strings.Contains(got, "<a><id>1</id></a>") || !strings.Contains(got, "application/xml") {
		t.Error(got)
	}
	if !strings.Contains(left, "a body of application/xml is a text") || strings.Contains(left, "without an example") {
		t.Error(left)
	}
}

// The notes name each part of the document that the connector does not have.
func TestWhatIsLost(t *testing.T) {
	t.Parallel()
	_, left := imported(t, head+`
paths:
  /a:
    get:
      operationId: a
      parameters:
        - {in: path, name: nowhere, required: true, schema: {type: string}}
        - {in: query, name: '', schema: {type: string}}
        - {in: query, name: many, schema: {type: string, enum: [`+strings.Repeat("x, ", 200)+`y]}}
        - {in: query, name: ahead, schema: {type: string, pattern: '(?=x)'}}
      requestBody: {content: {application/json: {schema: {type: object, properties: {b: {type: string}}}}}}
    post:
      operationId: p
      security: [{unknown: []}]
      requestBody: {content: {application/json: {schema: {type: object, discriminator: {propertyName: kind}, properties: {kind: {type: string}}}}}}
`)
	for _, want := range []string{
		"a: #/paths/~1a/get/parameters/0: the path has no {nowhere}", "#/paths/~1a/get/parameters/1: the parameter has no name",
		"a: #/paths/~1a/get/parameters/2/schema: the values are not checked", "a: #/paths/~1a/get/parameters/3/schema: the pattern is not checked", "the optional body of a GET is not sent",
		"/schema: the discriminator is not checked", `the security scheme "unknown" is not described`,
	} {
		if !strings.Contains(left, want) {
			t.Errorf("%s\nwants %s", left, want)
		}
	}
}

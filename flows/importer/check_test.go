package importer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/importer"
	"github.com/penstock/penstock/flows/steps"
)

// The written connector passes the check for documents with odd numbers, names and servers. The notes name each part that is left out.
func TestWrittenConnectorHasNoMistakes(t *testing.T) {
	t.Parallel()
	c, left := imported(t, `
openapi: 3.0.3
info: {title: T, version: '1'}
servers: [{url: 'https://u:hunter2@api.example.org/v1?a=1#f'}, {url: 'https://other.example.org'}]
paths:
  /a:
    get:
      operationId: a
      parameters:
        - {in: query, name: 'x${y}', schema: {type: string}}
        - {in: query, name: n, schema: {type: integer, maximum: 1`+strings.Repeat("0", 400)+`, default: 1`+strings.Repeat("0", 400)+`}}
`)
	if c.Base != "https://api.example.org/v1" || strings.Contains(string(c.Source)+left, "hunter2") {
		t.Errorf("%s\n%s", c.Source, left)
	}
	for _, want := range []string{"user information, query and fragment", "of 2 servers only https://api.example.org/v1 is called", "it has ${ in it"} {
		if !strings.Contains(left, want) {
			t.Errorf("%s\nwants %s", left, want)
		}
	}
}

// An operation with a mistake is left out by the check, with its name; a mistake of the whole connector is an error.
func TestCheck(t *testing.T) {
	t.Parallel()
	document := head + "paths:\n"
	for i := range 3 {
		document += fmt.Sprintf("  /a%d: {get: {operationId: a%d}}\n", i, i)
	}
	r, err := importer.Import("spec", strings.NewReader(document), importer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(steps.Catalogue()); err != nil || len(r.Operations) != 3 || len(r.Left) > 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	if err := r.Check(&flows.Catalogue{}); err != nil || len(r.Operations) != 0 || len(r.Left) != 3 || r.Left[1].Operation != "a1" || !r.Left[1].Whole || r.Left[1].Place != "#/paths/~1a1/get" {
		t.Errorf("%v, %+v", err, r.Left) // without the kind http no operation is right
	}
	document = head + "paths:\n"
	for i := range 5001 {
		document += fmt.Sprintf("  /a%d: {get: {operationId: a%d}}\n", i, i)
	}
	if r, err = importer.Import("spec", strings.NewReader(document), importer.Config{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(steps.Catalogue()); err == nil || !strings.Contains(err.Error(), "more than 5000 operations") {
		t.Error(err)
	}
}

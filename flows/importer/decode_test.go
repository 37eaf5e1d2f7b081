package importer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock/penstock/flows/importer"
)

// A document that is not UTF-8 is refused with the place.
func TestNotUTF8(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"{\"openapi\": \"3.0.0\",\n \"info\": {\"title\": \"\xc3\xa9gr\xf6\xdfe\"}}": "line 2, column 24: the file is not UTF-8: byte 0xf6",
		"\xff\xfeo\x00p\x00":                         "line 1, column 1: the file is not UTF-8: it begins as UTF-16 does",
		"\xfe\xff\x00o\x00p":                         "line 1, column 1: the file is not UTF-8: it begins as UTF-16 does",
		"openapi: 3.0.0\ninfo: {title: gr\xf6\xdfe}": "line 2, column 17: the file is not UTF-8: byte 0xf6",
	} {
		if _, err := importer.Import("spec", strings.NewReader(document), importer.Config{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// The notes name the place of a member that is given twice, because one of the two is lost.
func TestMembersTwice(t *testing.T) {
	t.Parallel()
	const json = `{"openapi": "3.0.0", "servers": [{"url": "https://a.example.org"}],
		"x": {"get": 1, "a": {"get": 2}, "b": ["get", {"get": 3}], "c": "{\"get\""},
		"paths": {"/a": {"get": {"operationId": "a"},
			"post": {"operationId": "p", "tags": ["x", "x"]}, "\u0067et": {"operationId": "b"}}}}`
	const yaml = `openapi: 3.0.0
servers: [{url: 'https://a.example.org'}]
x: &x {get: 1}
y: {<<: *x, get: 2}
paths:
  /a:
    get: {operationId: a}
    get: {operationId: b}
`
	for document, line := range map[string]string{json: "4", yaml: "8"} {
		r, err := importer.Import("spec", strings.NewReader(document), importer.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Left) != 1 || r.Left[0].Place != "#/paths/~1a/get" || !strings.Contains(r.Left[0].Reason, "given twice, here in line "+line) {
			t.Errorf("%+v", r.Left)
		}
	}
	const collection = `{"info": {"name": "x", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"}, "item": [], "item": []}`
	r, err := importer.Import("spec", strings.NewReader(collection), importer.Config{})
	if err != nil || len(r.Left) != 1 || r.Left[0].Place != "#/item" {
		t.Errorf("%+v, %v", r, err)
	}
}

// What is no file is not opened: a pipe would wait for a writer.
func TestPipeInDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"other.yaml", "pipe.json"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	document := head + "paths: {/a: {get: {operationId: a, parameters: [{$ref: 'pipe.json#/a'}]}}}"
	if err := os.WriteFile(filepath.Join(dir, "main.yaml"), []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := importer.Import(dir, nil, importer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if said := fmt.Sprint(r.Left); len(r.Operations) != 1 || !strings.Contains(said, "the file cannot be read: it is no file") {
		t.Errorf("%v: %s", r.Operations, said)
	}
}

package flows_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

// Each file of testdata/warnings is valid and holds what is probably not meant; the file beside it holds the warnings.
func TestWarnings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/warnings/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			flow, err := flows.Parse(filepath.Base(file), source, catalogue())
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", []byte(flow.Warnings().Error()+"\n"))
		})
	}
}

// What is meant as it is written gets no warning.
func TestNoWarnings(t *testing.T) {
	t.Parallel()
	for _, step := range []string{
		`set: {email: "${ .email }", text: ".email", file: ./a, dots: ..., price: $5, name: $eventually}`,
		`set: {handlebars: "{{ name }}", go: "{{"}`,
		`set: {length: '${ .box["length"] }', size: "${ .a | length }", long: "${ .length }"}`,
		`filter: .status == "paid"`,
		`filter: '(.a = 1) == .b'`,
		`transform: .status = "paid"`,
		`transform: 'map(select(.a == 1)) | map(.b = 2)'`,
		`transform: '@json, @base64d, @urid "\(.a)"'`,
		"script: return item.a.length; // {{ .email }}",
	} {
		flow, err := flows.Parse("f.yaml", []byte("flow: 1\nsteps:\n  - "+step+"\n"), catalogue())
		if err != nil {
			t.Errorf("%s: %v", step, err)
			continue
		}
		if len(flow.Warnings()) > 0 {
			t.Errorf("%s: %v", step, flow.Warnings())
		}
	}
}

// Warnings and mistakes have a code for programs, and a severity that tells them apart.
func TestWarningAsJSON(t *testing.T) {
	t.Parallel()
	flow, err := flows.Parse("f.yaml", []byte("flow: 1\nsteps: [{filter: .a = 1}]\n"), catalogue())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(flow.Warnings())
	if err != nil || !strings.Contains(string(text), `"line":2,"column":18,`) || !strings.Contains(string(text), `"severity":"warning","code":"assignment_as_condition"`) {
		t.Errorf("%s, %v", text, err)
	}
	_, err = flows.Parse("f.yaml", []byte("flow: 1\nsteps: [{filtr: .a == 1}]\n"), catalogue())
	if text, _ := json.Marshal(err); !strings.Contains(string(text), `"severity":"mistake","code":"unknown_kind"`) {
		t.Errorf("%s", text)
	}
}

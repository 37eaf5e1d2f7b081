package generate_test

import (
	"bytes"
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/openapi"
	"github.com/penstock/penstock/api/openapi/flowdoc"
	"github.com/penstock/penstock/client/generate"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

var update = flag.Bool("update", false, "write the clients of testdata again")

const flowsOfClients = "../../tests/clients/generated/flows/"

// clients are the flows of the clients in testdata, which are compiled and called by other tests.
var clients = map[string][]string{ // read only
	"shop":    {flowsOfClients + "people.yaml", flowsOfClients + "orders.yaml", flowsOfClients + "files.yaml"},
	"hostile": {"testdata/hostile.yaml"},
}

// The clients in testdata are what is generated, each time with the same bytes.
func TestClients(t *testing.T) {
	t.Parallel()
	for name, files := range clients {
		text := document(t, files...)
		for _, language := range generate.Languages() {
			source, err := generate.Client(text, generate.Config{Language: language, Package: name})
			if err != nil {
				t.Fatal(err)
			}
			again, err := generate.Client(document(t, files...), generate.Config{Language: language, Package: name})
			if err != nil || !bytes.Equal(source, again) {
				t.Errorf("%s in %s: the second time differs (%v)", name, language, err)
			}
			golden(t, filepath.Join("testdata", name, name+"."+language), source)
		}
	}
}

func golden(t *testing.T, file string, want []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is out of date; go test ./client/generate -update (-want +file):\n%s", file, diff)
	}
}

// document describes the server with the flows of some files.
func document(t *testing.T, files ...string) []byte {
	t.Helper()
	own, err := openapi.Describe()
	if err != nil {
		t.Fatal(err)
	}
	builder, err := flowdoc.NewBuilder(own)
	if err != nil {
		t.Fatal(err)
	}
	var parts []*flowdoc.Part
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		flow, err := flows.Parse(file, source, steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, flowdoc.Describe(flow))
	}
	text, err := builder.All(parts, "")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Texts of a flow declare nothing: the Go client has its methods, builders and types alone, and no function of its own choice.
func TestHostileTextsAreNoGoCode(t *testing.T) {
	t.Parallel()
	source, err := generate.Client(document(t, "testdata/hostile.yaml"), generate.Config{Language: "go"})
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var methods []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Name.Name == "init" {
				t.Error("a text became a function")
			}
			if n.Name.IsExported() && strings.HasPrefix(n.Name.Name, "Hostile") {
				methods = append(methods, n.Name.Name)
			}
		case *ast.Ident:
			if n.Name == "panic" {
				t.Error("a text became a call")
			}
		case *ast.Comment:
			if strings.HasPrefix(n.Text, "//go:") || strings.ContainsAny(n.Text, "\u202e\u2028\r") {
				t.Errorf("comment %q", n.Text)
			}
		}
		return true
	})
	slices.Sort(methods)
	if want := []string{"HostileTakeIt", "HostileTakeIt2", "HostileTakeIt22", "HostileTakeItAll"}; !slices.Equal(methods, want) {
		t.Errorf("methods %q, want %q", methods, want)
	}
}

// Without its comments and string literals the TypeScript client holds no text of the flow.
func TestHostileTextsAreNoTypeScript(t *testing.T) {
	t.Parallel()
	source, err := generate.Client(document(t, "testdata/hostile.yaml"), generate.Config{Language: "ts"})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(source, "\u202e\u2028\r") || !bytes.Contains(source, []byte(`*\/ process.exit(1)`)) || bytes.Contains(source, []byte("* @ts-")) {
		t.Error("a text is in the source as it was")
	}
	if code := withoutTexts(string(source)); strings.Contains(code, "exit") || !strings.Contains(code, "class PenstockClient") {
		t.Errorf("a text became code:\n%s", code)
	}
}

// withoutTexts leaves out comments and the string literals in double quotes.
func withoutTexts(source string) string {
	var b strings.Builder
	for source != "" {
		at, end := 1, 1
		switch {
		case strings.HasPrefix(source, "/*"):
			at, end = 0, 2+strings.Index(source[2:], "*/")+2
		case strings.HasPrefix(source, "//"):
			at, end = 0, strings.IndexByte(source, '\n')
		case source[0] == '"':
			for end = 1; source[end] != '"'; end++ {
				if source[end] == '\\' {
					end++
				}
			}
			at, end = 0, end+1
		}
		b.WriteString(source[:at])
		source = source[end:]
	}
	return b.String()
}

func TestRefused(t *testing.T) {
	t.Parallel()
	const head = `{"openapi":"3.1.0","paths":{"/a`
	const tail = `":{"get":{"operationId":"a","x-penstock-flow":1,"responses":{}}}}}`
	for text, want := range map[string]string{
		`[]`:                            "read OpenAPI document",
		`{"swagger":"2.0"}`:             `its version is ""`,
		`{"openapi":"3.1.0"}`:           "no operations",
		head + `\"); f(\"` + tail:       "has to encode",
		head + `/{id}` + tail:           `parameter "id" is not described`,
		head + `` + tail[:len(tail)-20]: "read OpenAPI document",
	} {
		if _, err := generate.Client([]byte(text), generate.Config{Language: "go"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	good := []byte(head + tail)
	for _, config := range []generate.Config{{Language: "perl"}, {Language: "go", Package: "a b"}, {Language: "go", Package: "func"}, {Language: "go", Package: "main"}} {
		if _, err := generate.Client(good, config); err == nil {
			t.Errorf("a client was made for %+v", config)
		}
	}
	if _, err := generate.Client([]byte(`{"openapi":"3.1.0"}`), generate.Config{Language: "ts"}); !errors.Is(err, generate.ErrNoOperations) {
		t.Errorf("error %v", err)
	}
}

// No document makes the generator panic, or write Go that does not parse.
func FuzzClient(f *testing.F) {
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/a/{b}":{"get":{"x-penstock-flow":1,"parameters":[{"in":"path","name":"b"}],"responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/x"}}}}}}}},"components":{"schemas":{"x":{"anyOf":[{"$ref":"#/components/schemas/x"},null]}}}}`))
	f.Add([]byte(`{"openapi":"3.1.0","paths":{"/a":{"put":{"x-penstock-flow":1,"operationId":"1*/","requestBody":{"content":{"application/json":{"schema":{"enum":[1,"a",null],"allOf":[{"properties":{"a":false}}]}}}}}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, language := range generate.Languages() {
			if _, err := generate.Client(text, generate.Config{Language: language}); err != nil && strings.Contains(err.Error(), "write Go client") {
				t.Error(err)
			}
		}
	})
}

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadModule(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	kafka := filepath.Join(source, "modules", "kafka")
	if err := os.MkdirAll(kafka, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(kafka, "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]builtModule{
		"kafka":                       {path: programPath + "/modules/kafka", version: "v1.2.0"},
		"kafka@v1.3.0":                {path: programPath + "/modules/kafka", version: "v1.3.0"},
		"kafka=" + kafka:              {path: programPath + "/modules/kafka", version: "v1.2.0", dir: kafka},
		"example.org/team/bus":        {path: "example.org/team/bus"},
		"example.org/team/bus@v2.0.1": {path: "example.org/team/bus", version: "v2.0.1"},
	} {
		got, err := readModule(text, "", "v1.2.0")
		if err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", text, got, err, want)
		}
	}
	if got, err := readModule("kafka", source, "1234"); err != nil || got != (builtModule{path: programPath + "/modules/kafka", dir: kafka}) {
		t.Errorf("in a checkout: %+v %v", got, err)
	}
	for text, want := range map[string]string{
		"Kafka": "neither the name", "a/../b": "neither the name", "a/\"b": "neither the name", "": "neither the name", "a/b=/nowhere": "there is no module a/b",
	} {
		if _, err := readModule(text, "", "v1.2.0"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestMainSource(t *testing.T) {
	t.Parallel()
	got := string(mainSource([]builtModule{{path: "example.org/a"}, {path: "example.org/b"}}))
	want := `// Command penstock is Penstock with modules.
package main

import (
	"github.com/penstock/penstock/app/cli"
	"github.com/penstock/penstock/flows/steps"
	m0 "example.org/a"
	m1 "example.org/b"
)

func main() { cli.Main(steps.Catalogue().Add(m0.Module(),m1.Module(),)) }
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A module that imports what Penstock has a fork of gets the module itself.
func TestForksOf(t *testing.T) {
	t.Parallel()
	source, needs, other := t.TempDir(), t.TempDir(), t.TempDir()
	for dir, text := range map[string]string{
		source: "module p\n\nreplace (\n\ta.org/a => ./third_party/a\n\ta.org/b => ./third_party/b\n\ta.org/c => ../c\n)\n",
		needs:  "module m\n\nrequire a.org/a v1.0.0\n",
		other:  "module o\n\nrequire (\n\ta.org/a v1.0.0 // indirect\n\ta.org/b v1.0.0 // indirect\n)\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a, b := "-replace=a.org/a="+filepath.Join(source, "third_party/a"), "-replace=a.org/b="+filepath.Join(source, "third_party/b")
	for want, modules := range map[string][]builtModule{a + " " + b: {{dir: other}, {path: "example.org/x"}}, b: {{dir: other}, {dir: needs}}} {
		got, err := forksOf(t.Context(), source, modules)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%v %v, want %s", got, err, want)
		}
	}
}

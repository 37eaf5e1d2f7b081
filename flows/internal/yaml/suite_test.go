package yaml_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	goyaml "github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows/internal/mistake"
	"github.com/penstock/penstock/flows/internal/yaml"
)

// suite is the directory of the YAML test suite.
const suite = "../../../../shared/data/suites/yaml/src"

var update = flag.Bool("update", false, "write the list of differences")

// yamlCase is one case of a file of the suite. A member that is missing is that of the case before.
type yamlCase struct {
	YAML *string `yaml:"yaml"`
	JSON *string `yaml:"json"`
	Fail bool    `yaml:"fail"`
	Skip bool    `yaml:"skip"`
}

// visible replaces the suite's signs for characters that are hard to see.
var visible = strings.NewReplacer("␣", " ", "————»", "\t", "———»", "\t", "——»", "\t", "—»", "\t", "»", "\t", "↵", "", "∎\n", "", "⇔", "\ufeff", "←", "\r")

// Every case of the YAML test suite is read as the suite says, or is in the list of differences with the reason: what is reported
// (problems that begin with "YAML:" are those of the library), or the library.
// No case makes Read panic, and each problem names a line of the file.
func TestYAMLSuite(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(suite); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the suites are not here")
		}
		t.Skip("the suites are not here")
	}
	files, err := filepath.Glob(suite + "/*.yaml")
	if err != nil || len(files) < 351 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	var list strings.Builder
	ran := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var cases []yamlCase
		if err := goyaml.Unmarshal(text, &cases); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var before yamlCase
		for i, c := range cases {
			if c.YAML == nil {
				c.YAML = before.YAML
			}
			if c.JSON == nil {
				c.JSON = before.JSON
			}
			before = c
			ran++
			if difference := differs(t, c); difference != "" {
				fmt.Fprintf(&list, "%s/%d: %s\n", strings.TrimSuffix(filepath.Base(file), ".yaml"), i, difference)
			}
		}
	}
	t.Logf("%d cases, %d differ", ran, strings.Count(list.String(), "\n"))
	const listed = "testdata/differences.txt"
	if *update {
		if err := os.WriteFile(listed, []byte(list.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(listed)
	if diff := cmp.Diff(string(want), list.String()); err != nil || diff != "" {
		t.Errorf("run go test ./flows/internal/yaml -update: %v (-want +got)\n%s", err, diff)
	}
}

// differs returns what Read makes of a case otherwise than the suite, or nothing.
func differs(t *testing.T, c yamlCase) string {
	t.Helper()
	src := []byte(visible.Replace(*c.YAML))
	lines := yaml.LinesOf(src)
	var problem string
	root := yaml.Read(src, lines, func(_ mistake.Code, at yaml.Place, _, format string, args ...any) {
		message := fmt.Sprintf(format, args...)
		if at.Line < 1 || at.Line > len(lines) {
			t.Errorf("%q: line %d: %s", src, at.Line, message)
		}
		if problem == "" {
			problem = message
		}
	})
	switch {
	case c.Fail && problem == "":
		return "is accepted by the YAML library"
	case c.Fail || c.JSON == nil: // where the suite has no JSON, it is only read
		return ""
	case problem != "":
		return "is refused: " + strings.ReplaceAll(problem, "\n", " ")
	}
	var want any
	d := json.NewDecoder(strings.NewReader(*c.JSON))
	if d.UseNumber(); d.Decode(&want) != nil {
		return "" // an empty stream
	}
	if got := value(root); !reflect.DeepEqual(want, got) {
		text, _ := json.Marshal(got)
		expected, _ := json.Marshal(want)
		return fmt.Sprintf("is %s in the YAML library, not %s", text, expected)
	}
	return ""
}

// value returns a node as encoding/json has it.
func value(n *yaml.Node) any {
	switch n.Shape {
	case yaml.Mapping:
		m := map[string]any{}
		for i, k := range n.Keys {
			m[k.Name] = value(n.Items[i])
		}
		return m
	case yaml.Sequence:
		list := []any{}
		for _, item := range n.Items {
			list = append(list, value(item))
		}
		return list
	}
	return n.Value
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// Every trigger and step on the page of the modules is valid, its tests pass, and so do the examples of the modules' own documentation.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	all := modules()
	if dirs, err := filepath.Glob("../*/go.mod"); err != nil || len(dirs) != len(all)+1 {
		t.Errorf("%d modules; directories with this one: %v, %v", len(all), dirs, err)
	}
	page, err := os.ReadFile("../../docs/modules.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, block := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(string(page), -1) {
		if strings.HasPrefix(block[1], "- ") {
			block[1] = "steps:\n" + block[1]
		}
		sources = append(sources, block[1])
	}
	if len(sources) < 2+len(all) {
		t.Errorf("the page has %d flows", len(sources))
	}
	for _, m := range all {
		for _, source := range m.Sources {
			sources = append(sources, "trigger:\n  "+source.Example+"\nsteps: [{transform: .}]\n")
		}
		for _, kind := range m.Kinds {
			sources = append(sources, "steps:\n  - "+strings.ReplaceAll(kind.Example, "\n", "\n    ")+"\n")
		}
		if !strings.Contains(string(page), "| `"+m.Connections[0].Name+"` |") {
			t.Errorf("the table of the page does not have %s", m.Connections[0].Name)
		}
	}
	for _, source := range sources {
		flow, err := flows.Parse("flow.yaml", []byte("flow: 7\n"+source), steps.Catalogue().Add(all...))
		if err != nil {
			t.Errorf("%v\n%s", err, source)
			continue
		}
		for _, r := range flows.RunTests(t.Context(), flow) {
			if r.Failure != "" {
				t.Errorf("test %q: %s\n%s", r.Name, r.Failure, source)
			}
		}
	}
}

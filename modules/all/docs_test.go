package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/modules/amqp"
	"github.com/penstock/penstock/modules/kafka"
	"github.com/penstock/penstock/modules/mqtt"
	"github.com/penstock/penstock/modules/nats"
	"github.com/penstock/penstock/modules/sqs"
)

// Every trigger and step on the page of the modules is valid, its tests pass, and so do the examples of the modules' own documentation.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	modules := []flows.Module{amqp.Module(), kafka.Module(), mqtt.Module(), nats.Module(), sqs.Module()}
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
	if len(sources) < 2+len(modules) {
		t.Errorf("the page has %d flows", len(sources))
	}
	for _, m := range modules {
		sources = append(sources, "trigger:\n  "+m.Sources[0].Example+"\nsteps: [{transform: .}]\n", "steps:\n  - "+strings.ReplaceAll(m.Kinds[0].Example, "\n", "\n    ")+"\n")
		if !strings.Contains(string(page), "| `"+m.Connections[0].Name+"` |") {
			t.Errorf("the table of the page does not have %s", m.Connections[0].Name)
		}
	}
	for _, source := range sources {
		flow, err := flows.Parse("flow.yaml", []byte("flow: 7\n"+source), steps.Catalogue().Add(modules...))
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

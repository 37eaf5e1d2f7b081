package flows_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/moduletest"
	"github.com/penstock/penstock/flows/reference"
	"github.com/penstock/penstock/flows/steps"
)

// The trigger of a module is checked like any other, with the line and the column.
func TestTheTriggerOfAModule(t *testing.T) {
	t.Parallel()
	kinds := steps.Catalogue().Add((&moduletest.Broker{}).Module())
	for trigger, want := range map[string]string{
		"{memory: {connection: bus, queue: orders}}":                                                             "",
		"{memory: {connection: bus, queue: orders, acknowledge: ended, in_flight: 1, body: json}}":               "",
		"{memory: {connection: bus, queue: orders, idempotency_key: '${ .body.id }'}}":                           "",
		"{memory: {connection: bus, queue: ''}}":                                                                 "f.yaml:2:44: queue: it needs a name",
		"{memory: {queue: orders}}":                                                                              "f.yaml:2:19: connection is missing",
		"memory":                                                                                                 "connection is missing",
		"{memory: {connection: bus, queue: orders, in_flight: 0}}":                                               "f.yaml:2:63: in_flight: expected 1 to 10000",
		"{memory: {connection: bus, queues: orders}}":                                                            "f.yaml:2:37: unknown field \"queues\"",
		"{memory: {connection: bus, queue: orders, acknowledge: never}}":                                         "f.yaml:2:65: acknowledge: \"never\" is not among its values",
		"{memory: {connection: bus, queue: orders}, topic: a}":                                                   "exclude each other",
		"{memry: {connection: bus, queue: orders}}":                                                              "did you mean memory?",
		"{memory: {connection: bus, queue: o, acknowledge: ended}}\nrun: {batch: {size: 2, within: 1m, key: a}}": "batch: the message would be acknowledged only when",
	} {
		flow, err := flows.Parse("f.yaml", []byte("flow: 7\ntrigger: "+trigger+"\nsteps: [{transform: .}]\n"), kinds)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", trigger, err)
		case want == "" && (flow.Messages == nil || flow.Messages.Connection != "bus" || flow.Trigger() != "memory"):
			t.Errorf("%s: %+v", trigger, flow.Messages)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", trigger, err, want)
		}
	}
	if !strings.Contains(string(reference.Schema(kinds)), "Messages in memory.") || strings.Contains(string(reference.Schema(steps.Catalogue())), "Messages in memory.") {
		t.Error("the schema has the trigger exactly with the module: it does not")
	}
}

func TestATakenNameOfATrigger(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a source named webhook was added")
		}
	}()
	steps.Catalogue().Add(flows.Module{Sources: []flows.Source{{Name: "webhook"}}})
}

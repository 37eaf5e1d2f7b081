package flows_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
)

// What goes with run.debounce and run.batch, and what does not.
func TestCollectingIsChecked(t *testing.T) {
	t.Parallel()
	const steps = "\nsteps: [{set: {a: 1}}]\n"
	for text, problem := range map[string]string{
		"run: {debounce: {key: '${ .id }', for: 30s, max: 5m}}\ntrigger: webhook" + steps:                                    "",
		"run: {debounce: {for: 1s}}\ntrigger: manual" + steps:                                                                "",
		"run: {batch: {key: '${ .id }', size: 100, within: 1m}}\ntrigger: {webhook: {reply: ack, " + verified + "}}" + steps: "",
		"run: {debounce: {for: 30s, max: 5s}}\ntrigger: webhook" + steps:                                                     "max: expected 30s to 24h",
		"run: {debounce: {for: 10ms}}\ntrigger: webhook" + steps:                                                             "for: expected 1s to 24h",
		"run: {debounce: {max: 1h}}\ntrigger: webhook" + steps:                                                               "for is missing",
		"run: {batch: {size: 1, within: 1m}}\ntrigger: webhook" + steps:                                                      "size: expected 2 to 1000",
		"run: {batch: {size: 1001, within: 25h}}\ntrigger: webhook" + steps:                                                  "within: expected 1s to 24h",
		"run: {batch: {size: 10, within: 1m}, debounce: {for: 1s}}\ntrigger: webhook" + steps:                                "debounce and batch exclude each other",
		"run: {debounce: {for: 1s}}\ntrigger: {schedule: {every: 1h}}" + steps:                                               "only events of webhooks",
		"run: {debounce: {for: 1s}}\ntrigger: {http: {get: /a}}" + steps:                                                     "http trigger wait",
		"run: {debounce: {for: 1s}}\ntrigger: {webhook: {" + verified + "}}" + steps:                                         "a sender cannot wait",
		"run: {batch: {size: 10, within: 1m}}\ntrigger: webhook\nsteps: [{respond: {status: 202}}]\n":                        "no caller waits for what a respond step sends",
		"run: {batch: {size: 10, within: 1m}, cancel_with_caller: true}\ntrigger: webhook" + steps:                           "cancel_with_caller has no meaning",
		"run: {batch: {size: 10, within: 1m}}\ntrigger: {webhook: {max_body: 5MB}}" + steps:                                  "the files of several requests",
		"run: {cancel_with_caller: true}\ntrigger: {http: {get: /a, cache: 10s}}" + steps:                                    "several callers may wait",
	} {
		_, err := flows.Parse("test.yaml", []byte("flow: 1\n"+text), catalogue())
		if problem == "" && err != nil || problem != "" && (err == nil || !strings.Contains(err.Error(), problem)) {
			t.Errorf("%s: %v, want %q", text, err, problem)
		}
	}
}

const verified = "verify: {scheme: github, secret: s}"

// The key is computed from the event; an event that violates the schema is not collected, and a batch is checked event by event.
func TestCollectKey(t *testing.T) {
	t.Parallel()
	f := parseFile(t, "flow: 1\nrun: {batch: {key: '${ .id }-${ $headers[\"x-a\"] }', size: 10, within: 2m}}\n"+
		"trigger: {webhook: {schema: {type: object, required: [id]}}}\nsteps: [{transform: '[.events[].event.id]'}]\n")
	if f.Batch.Size != 10 || f.Batch.Within != 2*time.Minute || !f.Collects() {
		t.Errorf("%+v", f.Batch)
	}
	run := flows.Run{Event: map[string]any{"id": "a"}, Headers: map[string]string{"x-a": "b"}}
	if key, err := f.CollectKey(t.Context(), run); key != "a-b" || err != nil {
		t.Errorf("key %q, %v", key, err)
	}
	var wrong *flows.Error
	if _, err := f.CollectKey(t.Context(), flows.Run{Event: map[string]any{}}); !errors.As(err, &wrong) || wrong.Code != flows.CodeValidation || wrong.Status != 422 {
		t.Errorf("an event without an id: %v", err)
	}
	batch := func(events ...any) error {
		_, err := f.Execute(context.Background(), flows.Run{Event: map[string]any{"events": events}}, flows.Env{})
		return err
	}
	if err := batch(map[string]any{"event": map[string]any{"id": "a"}}); err != nil {
		t.Error(err)
	}
	for _, entry := range []any{map[string]any{"event": map[string]any{}}, "a", map[string]any{}} {
		if err := batch(entry); !errors.As(err, &wrong) || wrong.Code != flows.CodeValidation {
			t.Errorf("%v: %v", entry, err)
		}
	}
	if _, err := f.Execute(context.Background(), run, flows.Env{}); !errors.As(err, &wrong) || !strings.Contains(wrong.Message, "events is a list") {
		t.Errorf("an event that is no batch: %v", err)
	}
}

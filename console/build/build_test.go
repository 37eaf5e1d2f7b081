package build

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/queue"
)

// Every kind has a group and a title, the types of parameters have names, and the shipped connectors have their operations.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	text, err := catalogueJSON(steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	var c catalogue
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	var check func(of string, all []param)
	check = func(of string, all []param) {
		for _, p := range all {
			if p.Type == "" || p.Summary == "" {
				t.Errorf("%s: %s has the type %q and the summary %q", of, p.Name, p.Type, p.Summary)
			}
			check(of, p.Fields)
		}
	}
	for _, k := range c.Kinds {
		if k.Group == "More" || k.Title == k.Name || k.Summary == "" {
			t.Errorf("%s: group %q, title %q, summary %q: add it to groups", k.Name, k.Group, k.Title, k.Summary)
		}
		check(k.Name, k.Params)
	}
	check("trigger", c.Trigger)
	check("attributes", c.Attributes)
	if len(c.Kinds) < 30 || len(c.Trigger) < 7 || len(c.Operations) < 50 {
		t.Errorf("%d kinds, %d triggers, %d operations", len(c.Kinds), len(c.Trigger), len(c.Operations))
	}
}

const tested = `flow: 1
trigger: {webhook: {params: [q]}}
steps:
  - name: find
    http: {get: "https://crm.example.org/${ .id }"}
    redact: [token]
  - switch:
      - when: .body.known
        steps: [{name: known, set: {id: "${ .body.id }"}}]
      - else: [{fail: nobody}]
tests:
  - name: knows
    event: {id: 7}
    params: {q: x}
    mocks: {find: {status: 200, body: {id: 280, known: true, token: hidden}}}
    output: [{id: 280}]
  - name: does not
    mocks: {find: {status: 404, body: {}}}
    error: nobody
`

// The tests in a text say what each step receives and puts out, with redacted fields masked; also those of a run that fails.
func TestDataOfTests(t *testing.T) {
	t.Parallel()
	b := &Builder{config: Config{Catalogue: steps.Catalogue()}}
	all, read := b.testSamples(t.Context(), []byte(tested))
	if !read || len(all) != 2 {
		t.Fatalf("%d samples, read: %t", len(all), read)
	}
	first := all[0]
	texts := func(all map[string]json.RawMessage) map[string]string {
		made := map[string]string{}
		for name, value := range all {
			made[name] = string(value)
		}
		return made
	}
	if first.Label != "knows" || string(first.Event) != `{"id":7}` || first.Params["q"] != "x" {
		t.Errorf("%+v", first)
	}
	put := texts(first.Steps)
	if strings.Contains(put["find"], "hidden") || !strings.Contains(put["find"], `"id":280`) || put["switch.1.known"] != `{"id":280}` {
		t.Errorf("put out: %v", put)
	}
	if got := texts(first.Items)["find"]; got != `{"id":7}` {
		t.Errorf("find received %s", got)
	}
	if second := texts(all[1].Steps); second["find"] == "" || string(all[1].Event) != "null" {
		t.Errorf("of the run that fails: %v", second)
	}
	if _, read := b.testSamples(t.Context(), []byte("flow: 1\nsteps: {")); read {
		t.Error("a text with mistakes was read")
	}
}

// A run has its event, and the first item of each step if its flow records items; what is too large is left out.
func TestDataOfARun(t *testing.T) {
	t.Parallel()
	record := &queue.Record{}
	record.ID, record.Event, record.Headers = "r1", json.RawMessage(`{"a":1}`), map[string]string{"x-id": "7"}
	record.Times.Accepted = time.UnixMilli(1000)
	if s := runSample(record); s.Lacks != "record" || string(s.Event) != `{"a":1}` || s.Headers["x-id"] != "7" || s.At.UnixMilli() != 1000 {
		t.Errorf("%+v", s)
	}
	large := `"` + strings.Repeat("x", maxValue) + `"`
	record.Steps = json.RawMessage(`{"steps":[{"step":"find","items":[{"id":1},{"id":2}]},{"step":"find","items":[{"id":3}]},{"step":"all","items":[` + large + `]},{"step":"none"}]}`)
	s := runSample(record)
	if diff := cmp.Diff(map[string]json.RawMessage{"find": json.RawMessage(`{"id":1}`)}, s.Steps); diff != "" || s.Lacks != "size" {
		t.Errorf("lacks %q (-want +got)\n%s", s.Lacks, diff)
	}
	record.Event = json.RawMessage(`"` + strings.Repeat("x", maxData) + `"`)
	if s := runSample(record); string(s.Event) != "null" || s.Lacks != "size" {
		t.Errorf("a large event: %s", s.Lacks)
	}
}

// The catalogue says which fields each scheme of a webhook takes, so that the form offers no others.
func TestSchemesSayWhatTheyTake(t *testing.T) {
	t.Parallel()
	text, err := catalogueJSON(steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	var c catalogue
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	takes := map[string][]string{}
	for _, trigger := range c.Trigger {
		for _, field := range trigger.Fields {
			for _, word := range field.Fields {
				if trigger.Name == "webhook" && field.Name == "verify" && word.Name == "scheme" {
					takes = word.Takes
				}
			}
		}
	}
	for scheme, want := range map[string]struct{ has, lacks string }{"hmac": {"format", "honeypot"}, "none": {"honeypot", "secret"}, "jwt": {"jwks", "certificate_url"}, "basic": {"user", "header"}, "github": {"secret", "header"}} {
		if got := takes[scheme]; !slices.Contains(got, want.has) || slices.Contains(got, want.lacks) {
			t.Errorf("%s takes %v", scheme, got)
		}
	}
}

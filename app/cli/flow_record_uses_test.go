package cli

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

const (
	recordedUses = `flow: 6
trigger: webhook
run: {record: items}
steps:
  - split: .ids[]
  - uses: crm.person
    with: {id: "${ . }"}
  - switch:
      - when: .status == 404
        steps:
          - set: {missing: true}
      - else:
          - uses: crm.note_add
            with: {for: "${ .body.name }"}
          - transform: .body.id
`
	recordedConnector = `---
connector: crm
base: BASE
operations:
  person:
    params: {required: [id], properties: {id: {type: integer}}}
    http: {get: "/people/${ $params.id }", expect: [200, 404]}
  note_add:
    params: {properties: {for: {type: string}}}
    http: {post: /notes, json: "${ $params }"}
`
)

// A run of operations becomes a test with their mocks, which passes.
func TestFlowRecordOfOperations(t *testing.T) {
	t.Parallel()
	r := newRecorder(t)
	connector := strings.ReplaceAll(recordedConnector, "BASE", startCRM(t).URL)
	entry, err := r.record(r.run("6", recordedUses+connector, `{"ids": [1, 2, 3]}`, nil))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(entry, "planted") || !strings.Contains(entry, `"crm.person":`) || !strings.Contains(entry, `"crm.note_add":`) {
		t.Errorf("the test is\n%s", entry)
	}
	flow, err := flows.Parse("recorded.yaml", []byte(recordedUses+"tests:\n"+entry+connector), steps.Catalogue())
	if err != nil {
		t.Fatalf("%v\n%s", err, entry)
	}
	if results := flows.RunTests(t.Context(), flow); len(results) != 1 || results[0].Failure != "" {
		t.Errorf("%+v\n%s", results, entry)
	}
}

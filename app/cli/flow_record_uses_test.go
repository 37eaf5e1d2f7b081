package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/client"
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
	server := startDev(t, app.Settings{Data: app.NoData, Flows: t.TempDir(), AdminUser: "ann", AdminPassword: "correct horse battery"})
	remote, err := client.New(client.Config{URL: server.url, User: "ann", Password: "correct horse battery"})
	if err != nil {
		t.Fatal(err)
	}
	connector := strings.ReplaceAll(recordedConnector, "BASE", startCRM(t).URL)
	if _, err := remote.Deploy(t.Context(), "6", []byte(recordedUses+connector)); err != nil {
		t.Fatal(err)
	}
	run, err := remote.Start(t.Context(), client.Request{Flow: "6", Event: []byte(`{"ids": [1, 2, 3]}`)})
	if err != nil {
		t.Fatal(err)
	}
	var entry bytes.Buffer
	root := newRoot(env{app.EnvURL: server.url, app.EnvUser: "ann", app.EnvPassword: "correct horse battery"}, steps.Catalogue())
	root.SetArgs([]string{"flow", "record", run.ID})
	root.SetOut(&entry)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(entry.String(), "planted") || !strings.Contains(entry.String(), `"crm.person":`) || !strings.Contains(entry.String(), `"crm.note_add":`) {
		t.Errorf("the test is\n%s", &entry)
	}
	flow, err := flows.Parse("recorded.yaml", []byte(recordedUses+"tests:\n"+entry.String()+connector), steps.Catalogue())
	if err != nil {
		t.Fatalf("%v\n%s", err, &entry)
	}
	if results := flows.RunTests(t.Context(), flow); len(results) != 1 || results[0].Failure != "" {
		t.Errorf("%+v\n%s", results, &entry)
	}
}

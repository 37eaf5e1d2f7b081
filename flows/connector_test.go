package flows_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

const zoom = `connector: zoom
title: Zoom
base: https://api.zoom.us/v2
connection: {types: [oauth2_client, bearer]}
http: {headers: {X-Client: penstock}}
timeout: 20s
operations:
  registrant_add:
    summary: Adds a registrant to a meeting.
    params:
      type: object
      required: [meeting_id, email]
      properties:
        meeting_id: {type: integer}
        email: {type: string, format: email}
        language: {type: string, default: en-US}
        phone: {type: string}
    http:
      post: /meetings/${ $params.meeting_id | @uri }/registrants
      json: ${ $params | del(.meeting_id) }
    example: {params: {meeting_id: 1, email: a@example.org}, response: {status: 201, json: {id: 7}}}
  users:
    http: {get: /users, paginate: {cursor: {from: .body.next, param: next}, items: ".body.users[]"}}
    example: {response: {json: {users: [{id: 1}], next: null}}}
tests:
  - name: adds a registrant
    operation: registrant_add
    params: {meeting_id: 1, email: a@example.org}
    request: {method: POST, url: https://api.zoom.us/v2/meetings/1/registrants, json: {email: a@example.org, language: en-US}, headers: {x-client: penstock}}
    output: {status: 201, body: {id: 7}}
  - name: follows the pages
    operation: users
    request: [{url: https://api.zoom.us/v2/users}, {query: {next: b}}]
    response: [{json: {users: [{id: 1}], next: b}}, {json: {users: [{id: 2}, {id: 3}]}}]
    output: [{id: 1}, {id: 2}, {id: 3}]
  - name: refuses what is no address
    operation: registrant_add
    params: {meeting_id: 1, email: a}
    request: []
    error: "with: email"
  - name: fails
    operation: users
    response: {status: 404, json: {message: no}}
    error: "404"
`

// connectorTexts implements flows.Connectors.
type connectorTexts map[string]string

func (c connectorTexts) Connector(name string) (string, []byte, error) {
	text, ok := c[name]
	if !ok {
		return "", nil, nil
	}
	return "connectors/" + name + ".yaml", []byte(text), nil
}

func (c connectorTexts) Names() ([]string, error) { return []string{"zoom"}, nil }

func TestConnectorTests(t *testing.T) {
	t.Parallel()
	connector, err := flows.ParseConnector("zoom.yaml", []byte(zoom), catalogue())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range flows.RunConnectorTests(t.Context(), connector) {
		if r.Failure != "" {
			t.Errorf("%s: %s", r.Name, r.Failure)
		}
	}
	for _, change := range []struct{ from, to string }{
		{"/meetings/${", "/meeting/${"}, {"post: ", "put: "}, {"default: en-US", "default: de-DE"}, {"next: b}}, {json", "next: c}}, {json"},
		{"X-Client: penstock", "X-Client: other"}, {"format: email", "minLength: 1"}, {"status: 404", "status: 200"}, {"{id: 2}, {id: 3}]}}", "{id: 3}]}}"},
	} {
		connector, err := flows.ParseConnector("zoom.yaml", []byte(strings.Replace(zoom, change.from, change.to, 1)), catalogue())
		if err != nil {
			t.Fatal(err)
		}
		failed := 0
		for _, r := range flows.RunConnectorTests(t.Context(), connector) {
			if r.Failure != "" {
				failed++
			}
		}
		if failed == 0 {
			t.Errorf("no test fails with %s", change.to)
		}
	}
}

const usesZoom = `flow: 1
steps:
  - uses: zoom.registrant_add
    connection: {choose: "${ .tenant }", of: [one, two]}
    with: {meeting_id: 5, email: "${ .email }", phone: "${ .phone }"}
tests:
  - name: adds
    event: {email: b@example.org, tenant: two}
    sent: {zoom.registrant_add: [{connection: two, body: {email: b@example.org, language: en-US}}]}
    output: [{status: 201, headers: {content-type: application/json}, body: {id: 7}}]
`

// A deployed flow has the text of what it uses, and needs no connector any more.
func TestUsedOperationsAreAttached(t *testing.T) {
	t.Parallel()
	withZoom := catalogue().WithConnectors(connectorTexts{"zoom": zoom})
	flow, err := flows.Parse("flow.yaml", []byte(usesZoom), withZoom)
	if err != nil {
		t.Fatal(err)
	}
	text := string(flow.Source)
	if !strings.HasPrefix(text, usesZoom+"---\n") || strings.Contains(text, "users") || flow.Version != flows.VersionOf(flow.Source) {
		t.Errorf("%s", text)
	}
	for _, kinds := range []*flows.Catalogue{catalogue(), withZoom, catalogue().WithConnectors(connectorTexts{"zoom": strings.Replace(zoom, "/v2", "/v3", 1)})} {
		again, err := flows.Parse("flow.yaml", flow.Source, kinds)
		if err != nil || again.Version != flow.Version {
			t.Fatalf("%v\n%s", err, flow.Source)
		}
		for _, r := range flows.RunTests(t.Context(), again) {
			if r.Failure != "" {
				t.Error(r.Failure)
			}
		}
	}
	more := strings.Replace(text, "steps:\n", "steps:\n  - {uses: zoom.users, connection: one}\n", 1)
	flow, err = flows.Parse("flow.yaml", []byte(more), withZoom)
	if err != nil || strings.Count(string(flow.Source), "connector: zoom") != 1 || !strings.Contains(string(flow.Source), "  users:\n") {
		t.Errorf("%v\n%s", err, flow.Source)
	}
	if steps := flow.ExternalSteps(); steps[0] != (flows.ExternalStep{Path: "users", Mock: "zoom.users"}) {
		t.Errorf("%+v", steps)
	}
}

func TestProblemsOfConnectors(t *testing.T) {
	t.Parallel()
	open := strings.Replace(zoom, "  users:\n", "  users:\n    params: {additionalProperties: {type: integer}, patternProperties: {^x_: {type: string}}, properties: {labels: {type: object, additionalProperties: {type: string}}, deep: {type: object, additionalProperties: {type: object, additionalProperties: {type: integer}}}}}\n", 1)
	broken := strings.NewReplacer("$params.meeting_id", "$params.meting_id", "cursor: {from", "cursor: {form").Replace(zoom)
	for _, test := range []struct{ connector, flow, want string }{
		{zoom, "  - uses: zoom.registrant_ad\n    connection: z\n", `flow.yaml:3:11: the connector zoom has no operation "registrant_ad" (did you mean registrant_add?)`},
		{zoom, "  - uses: zom.users\n", `flow.yaml:3:11: there is no connector "zom" (did you mean zoom?)`},
		{zoom, "  - uses: zoom.users\n", "flow.yaml:3:11: connection is missing: zoom needs one of type oauth2_client or bearer"},
		{zoom, "  - uses: zoom.users\n    connection: z\n    with: {a: 1}\n", `flow.yaml:5:12: unknown parameter "a" of zoom.users`},
		{zoom, "  - uses: zoom.registrant_add\n    connection: z\n    with: {meeting_id: 1, emial: x}\n", `flow.yaml:5:27: unknown parameter "emial" of zoom.registrant_add (did you mean email?)`},
		{zoom, "  - uses: zoom.registrant_add\n    connection: z\n    with: {meeting_id: 1}\n", "flow.yaml:5:11: email is missing, a parameter of zoom.registrant_add"},
		{zoom, "  - uses: zoom.registrant_add\n    connection: z\n", "flow.yaml:3:5: meeting_id is missing, a parameter of zoom.registrant_add\nflow.yaml:3:5: email is missing, a parameter of zoom.registrant_add"},
		{zoom, "  - uses: zoom.registrant_add\n    connection: z\n    with: {meeting_id: \"1\", email: \"${ .e }\", phone: [1]}\n", "flow.yaml:5:24: meeting_id: got string, want integer (write it without quotes)\nflow.yaml:5:54: phone: got array, want string"},
		{strings.Replace(zoom, "cursor:", "cuusor:", 1), "  - uses: zoom.users\n    connection: z\n", "connectors/zoom.yaml:23:36: unknown field \"cuusor\" (did you mean cursor?)"},
		{open, "  - uses: zoom.users\n    connection: z\n    with: {zz: x, a: 1, labels: {k: [1]}, x_n: 1, b: \"${ .b }\", deep: {any: {n: y}}}\n",
			"flow.yaml:5:16: zz: got string, want integer\nflow.yaml:5:37: k: got array, want string\nflow.yaml:5:48: x_n: got number, want string\nflow.yaml:5:81: n: got string, want integer"},
		{broken, "  - uses: zoom.registrant_add\n    connection: z\n    with: {meeting_id: 1, email: a@b.org}\n", `connectors/zoom.yaml:19:26: params has no "meting_id" (did you mean meeting_id?)`},
	} {
		_, err := flows.Parse("flow.yaml", []byte("flow: 1\nsteps:\n"+test.flow), catalogue().WithConnectors(connectorTexts{"zoom": test.connector}))
		var problems problem.List
		if !errors.As(err, &problems) {
			t.Errorf("%s: %v", test.flow, err)
			continue
		}
		var lines []string
		for i := range problems {
			lines = append(lines, problems[i].Error())
		}
		if diff := cmp.Diff(test.want, strings.Join(lines, "\n")); diff != "" {
			t.Errorf("%s(-want +got)\n%s", test.flow, diff)
		}
	}
}

// The head of a connector is that of the whole, without its operations.
func TestTheHeadOfAConnector(t *testing.T) {
	t.Parallel()
	src := []byte("connector: crm\ntitle: CRM\nconnection: {types: [bearer], hosts: [crm.example.org], test: /me, doc: Ask them.}\noperations:\n  a: {http: {get: https://crm.example.org/a}}\n")
	whole, err := flows.ParseConnector("crm.yaml", src, catalogue())
	if err != nil {
		t.Fatal(err)
	}
	head, err := flows.ParseConnectorHead("crm.yaml", src, catalogue())
	if err != nil {
		t.Fatal(err)
	}
	if head.Title != whole.Title || head.Connection.Doc != "Ask them." || head.Connection.Test != whole.Connection.Test || len(whole.Operations) != 1 || len(head.Operations) != 0 {
		t.Errorf("head %+v, whole %+v", head, whole)
	}
	if _, err := flows.ParseConnectorHead("crm.yaml", []byte("connector: crm\nnonsense: 1\n"), catalogue()); err == nil {
		t.Error("a connector with an unknown field is read")
	}
}

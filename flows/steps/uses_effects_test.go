package steps_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

const crmSteps = `  - uses: crm.people
  - uses: crm.%s
    with: {id: "${ .id }"}
    as: done
    concurrency: 1
---
connector: crm
base: BASE
operations:
  people:
    http:
      get: /people
      paginate: {cursor: {from: .body.next, param: after}, items: ".body.people[]"}
    example: {response: {json: {people: [{id: 1}, {id: 2}], next: b}}}
  person_add:
    params: {type: object, required: [id], properties: {id: {type: integer}}}
    http: {post: /people, json: "${ $params }"}
    example: {params: {id: 1}, response: {json: {added: 1}}}
  person_put:
    effect: idempotent
    params: {type: object, required: [id], properties: {id: {type: integer}}}
    http: {put: "/people/${ $params.id }", json: "${ $params }"}
    example: {params: {id: 1}, response: {json: {put: 1}}}
`

// crm is a server that counts the requests of each call, by their Idempotency-Key.
type crm struct {
	mu    sync.Mutex
	calls []string // guarded by mu
	keys  []string // guarded by mu
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	c.calls = append(c.calls, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
	c.keys = append(c.keys, r.Header.Get("Idempotency-Key"))
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method != http.MethodGet:
		_, _ = io.WriteString(w, `{"number":`+fmt.Sprint(len(c.calls))+`}`)
	case r.URL.Query().Get("after") == "":
		_, _ = io.WriteString(w, `{"people":[{"id":1}],"next":"b"}`)
	default:
		_, _ = io.WriteString(w, `{"people":[{"id":2}]}`)
	}
}

// taken returns the calls and their keys since the last time.
func (c *crm) taken() (calls, keys []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls, keys = c.calls, c.keys
	c.calls, c.keys = nil, nil
	return calls, keys
}

func newCRMRun(t *testing.T, operation, attributes string) (*crm, *durableRun) {
	t.Helper()
	c := &crm{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	source := strings.NewReplacer("BASE", server.URL, "    as: done\n", "    as: done\n"+attributes).Replace(fmt.Sprintf(crmSteps, operation))
	r := newDurableRun(t, source)
	r.env.HTTP = http.DefaultTransport
	return c, r
}

// An attempt after the loss of a worker sends nothing of which the journal has the result, and what was begun as the effect says.
func TestUsesAfterALostWorker(t *testing.T) {
	t.Parallel()
	const added = `[{"done":{"body":{"number":3},"status":200},"id":1},{"done":{"body":{"number":4},"status":200},"id":2}]`
	bodies := func(items []any) string {
		for _, item := range items {
			delete(item.(map[string]any)["done"].(map[string]any), "headers")
		}
		return string(flows.EncodeJSON(items))
	}
	pages := []string{"GET /people", "GET /people?after=b"}
	for _, test := range []struct {
		operation, attributes string
		again                 []string // calls of the attempt after the loss of the result of the second item; nil: uncertain
	}{
		{"person_add", "", nil},
		{"person_add", "    on_uncertain: rerun\n", []string{`POST /people {"id":2}`}},
		{"person_add", "    effect: idempotent\n", []string{`POST /people {"id":2}`}},
		{"person_put", "", []string{`PUT /people/2 {"id":2}`}},
		{"person_put", "    effect: once\n", nil},
	} {
		t.Run(test.operation+test.attributes, func(t *testing.T) {
			t.Parallel()
			c, r := newCRMRun(t, test.operation, test.attributes)
			items, err := r.attempt(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := bodies(items); got != added {
				t.Errorf("put out %s", got)
			}
			calls, keys := c.taken()
			if len(calls) != 4 || !slices.Equal(calls[:2], pages) || keys[2] == "" || keys[2] == keys[3] {
				t.Errorf("sent %q with %q", calls, keys)
			}
			items, err = r.attempt(nil)
			if calls, _ := c.taken(); err != nil || calls != nil || bodies(items) != added {
				t.Errorf("the second attempt sent %q: %v, %v", calls, items, err)
			}
			lost := test.operation + ".1"
			if _, known := r.results[lost]; !known {
				t.Fatalf("the journal has %q", r.keys())
			}
			delete(r.results, lost)
			if test.again == nil {
				r.fails(nil, flows.CodeUncertain, "it may or may not have happened")
			} else if _, err := r.attempt(nil); err != nil {
				t.Error(err)
			}
			again, sameKeys := c.taken()
			if diff := cmp.Diff(test.again, again); diff != "" {
				t.Errorf("sent again (-want +got)\n%s", diff)
			}
			if test.again != nil && sameKeys[0] != keys[3] {
				t.Errorf("the key of the second call is %q, that of the first %q", sameKeys[0], keys[3])
			}
			r.results, r.started = map[string]string{}, map[string]bool{"people.0": true} // lost while it read
			if _, err := r.attempt(nil); err != nil {
				t.Errorf("reading again: %v", err)
			}
		})
	}
}

// A rehearsal compares the requests of operations: those of another version of the connector differ, and equal ones have the results
// of the recorded run.
func TestRehearsedUses(t *testing.T) {
	t.Parallel()
	source := "steps:\n" + fmt.Sprintf(crmSteps, "person_add")
	source = strings.ReplaceAll(source, "BASE", "https://crm.example.org")
	r := newRehearsed(t, nil, map[string]string{
		"people.0": `{"items":[{"id":1},{"id":2}],"of":1}`, "person_add.0": `{"items":["a"],"of":2}`, "person_add.1": `{"items":["b"],"of":2}`,
	})
	before := r.rehearse(source, nil)
	const want = `people.0 {"headers":{},"method":"GET","response":{"items":".body.people[]"},"url":"https://crm.example.org/people"}
person_add.0 {"body":{"id":1},"headers":{"content-type":"application/json"},"method":"POST","url":"https://crm.example.org/people"}
person_add.1 {"body":{"id":2},"headers":{"content-type":"application/json"},"method":"POST","url":"https://crm.example.org/people"}`
	if diff := cmp.Diff(want, strings.Join(lines(before), "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	const output = `[{"done":"a","id":1},{"done":"b","id":2}]`
	if got := string(flows.EncodeJSON(before.Output)); got != output || before.Failure != nil {
		t.Errorf("output %s, %v", got, before.Failure)
	}
	newer := r.rehearse(strings.ReplaceAll(source, "post: /people", "post: /v2/people"), before)
	if got := string(flows.EncodeJSON(newer.Output)); got != output {
		t.Errorf("output %s, stopped at %q", got, newer.Stopped)
	}
	if a, b := before.Effects[1], newer.Effects[1]; a.Identity() == b.Identity() || before.Effects[0].Identity() != newer.Effects[0].Identity() {
		t.Errorf("%s and %s", flows.EncodeJSON(a.Request), flows.EncodeJSON(b.Request))
	}
	delete(r.run.Results, "person_add.1")
	if done := r.rehearse(source, nil); done.Stopped != "person_add" {
		t.Errorf("without a result it stopped at %q", done.Stopped)
	}
	invalid := r.rehearse(strings.Replace(source, `{id: "${ .id }"}`, `{id: "${ .id | tostring }"}`, 1), before)
	if invalid.Failure == nil || invalid.Failure.Code != flows.CodeValidation {
		t.Errorf("parameters that do not fit: %v, stopped at %q", invalid.Failure, invalid.Stopped)
	}
}

// Without a mock a step has the example of its operation, whose last response ends the pages. Mocks are found by the name of the step, by
// the operation, and by uses.
func TestMocksOfUses(t *testing.T) {
	t.Parallel()
	const tests = `tests:
  - name: examples
    output: [{id: 1, done: A}, {id: 2, done: A}]
  - name: a mock of the operation
    mocks: {crm.people: [{id: 5}], crm.person_add: {each: [x, {error: {message: full, status: 409}}]}}
    sent: {crm.person_add: [{method: POST, body: {id: 5}}]}
    output: [{id: 5, done: x}]
  - name: a mock of all that use operations
    mocks: {uses: {id: 7}}
    output: [{id: 7, done: {id: 7}}]
  - name: a failure
    mocks: {crm.people: {error: {message: away, status: 503}}}
    error: away
`
	source := "flow: 1\n" + tests + "steps:\n" + fmt.Sprintf(crmSteps, "person_add")
	source = strings.NewReplacer("BASE", "https://crm.example.org", "done: A", "done: {status: 200, headers: {content-type: application/json}, body: {added: 1}}").Replace(source)
	flow, err := flows.Parse("flow.yaml", []byte(source), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range flows.RunTests(t.Context(), flow) {
		if result.Failure != "" {
			t.Errorf("%s: %s", result.Name, result.Failure)
		}
	}
	empty := strings.Replace(source, "response: {json: {people: [{id: 1}, {id: 2}], next: b}}", "response: []", 1)
	if flow, err = flows.Parse("flow.yaml", []byte(empty), steps.Catalogue()); err != nil {
		t.Fatal(err)
	}
	if result := flows.RunTests(t.Context(), flow)[0]; !strings.Contains(result.Failure, "there are 0 responses") {
		t.Errorf("an example without a response: %s", result.Failure)
	}
}

const typedFlow = `flow: 1
steps:
  - uses: crm.person_get
    connection: FORM
    proxy: out
---
connector: crm
base: BASE
connection: {types: [bearer, oauth2_client]}
operations:
  person_get: {http: {get: "/people/1"}}
`

// An operation refuses a connection of another type, at the deployment and in a run.
func TestTypesOfConnections(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ form, base, want string }{
		{"b", "https://crm.example.org/v1", ""},
		{"b", "https://crm.example.com", `flow.yaml:4:17: warning missing_connection: connection "b": its hosts do not include https://crm.example.com, where crm.person_get sends its requests (penstock connection put b --file FILE)`},
		{"b", "http://crm.example.org", `flow.yaml:4:17: warning missing_connection: connection "b": its hosts do not include http://crm.example.org, where crm.person_get sends its requests (penstock connection put b --file FILE)`},
		{"b", "https://${ $params | tostring }.example.com/", ""},
		{"basic", "https://crm.example.org", `flow.yaml:4:17: warning missing_connection: connection "basic": it is of the type basic, and crm.person_get needs one of type bearer or oauth2_client (penstock connection put basic --file FILE)`},
		{"{choose: \"${ . }\", of: [b, basic]}", "https://crm.example.org", `flow.yaml:4:44: warning missing_connection: connection "basic": it is of the type basic, and crm.person_get needs one of type bearer or oauth2_client (penstock connection put basic --file FILE)`},
		{"[basic]", "https://crm.example.org", `flow.yaml:4:18: warning missing_connection: connection "basic": it is of the type basic, and crm.person_get needs one of type bearer or oauth2_client (penstock connection put basic --file FILE)`},
		{"[b, basic]", "https://crm.example.org", ""},
	} {
		flow, err := flows.Parse("flow.yaml", []byte(strings.NewReplacer("FORM", test.form, "BASE", test.base).Replace(typedFlow)), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range flow.Missing("flow.yaml", func(u flows.Use) string {
			return u.CheckConnection(map[string]string{"b": "bearer", "basic": "basic", "out": "proxy"}[u.Name], map[string][]string{"b": {"crm.example.org"}, "basic": {"*.example.org"}}[u.Name])
		}) {
			got = append(got, p.Error())
		}
		if diff := cmp.Diff(test.want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s %s (-want +got)\n%s", test.form, test.base, diff)
		}
	}
	w := newWorld(t)
	c := &crm{}
	server := httptest.NewServer(c)
	defer server.Close()
	w.connect("b", "bearer", map[string]string{"token": "t0ken"}, server.URL)
	w.connect("basic", "basic", map[string]string{"username": "u", "password": "p"}, server.URL)
	for form, want := range map[string]string{
		"b": "", "[basic, b]": "both set the header Authorization",
		"basic": `connection "basic": it is of the type basic, and crm.person_get needs one of type bearer or oauth2_client`,
		"{choose: '${ \"basic\" }', of: [b, basic]}": `connection "basic": it is of the type basic, and crm.person_get needs one of type bearer or oauth2_client`,
	} {
		source := strings.NewReplacer("FORM", form, "BASE", server.URL, "    proxy: out\n", "").Replace(typedFlow)
		flow, err := flows.Parse("flow.yaml", []byte(source), steps.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		_, err = flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1}, w.env)
		calls, _ := c.taken()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || (len(calls) == 1) != (want == "") {
			t.Errorf("%s: %v, sent %q", form, err, calls)
		}
	}
}

package steps_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// An operation is executed as an http step is: pages, retries from the page that failed, and a key for the server. Its programs do
// not see the item.
func TestUsesSendsRequests(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var calls []string // guarded by mu
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		calls = append(calls, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodPost && r.Header.Get("Idempotency-Key") == "":
			w.WriteHeader(http.StatusBadRequest)
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, `{"id":7}`)
		case r.URL.Query().Get("after") == "":
			_, _ = io.WriteString(w, `{"people":[{"id":1}],"next":"b"}`)
		case len(calls) == 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, `{"people":[{"id":2}]}`)
		}
	}))
	defer server.Close()
	source := strings.ReplaceAll(`flow: 1
steps:
  - uses: crm.people
    with: {group: "${ .group }", note: "${ .note }"}
  - uses: crm.person_add
    with: {id: "${ .id }"}
    as: added
---
connector: crm
base: BASE
retry: {attempts: 3, backoff: 1ms}
operations:
  people:
    params: {type: object, properties: {group: {type: string}, note: {type: string}}}
    http:
      get: /people
      query: {group: "${ $params.group }", item: "${ $params.note }"}
      paginate: {cursor: {from: .body.next, param: after}, items: ".body.people[]"}
  person_add:
    params: {type: object, required: [id], properties: {id: {type: integer, maximum: 2}, kind: {default: new}}}
    http: {post: /people, json: "${ $params }"}
`, "BASE", server.URL)
	flow, err := flows.Parse("flow.yaml", []byte(source), steps.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	items, err := flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1, Event: map[string]any{"group": "a b", "note": nil}}, flows.Env{HTTP: http.DefaultTransport})
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(items); len(items) != 2 || !strings.Contains(string(text), `"body":{"id":7}`) {
		t.Errorf("%s", text)
	}
	const want = "GET /people?group=a+b \nGET /people?group=a+b&after=b \nGET /people?group=a+b&after=b \n"
	if got := strings.Join(calls[:3], "\n") + "\n"; got != want || len(calls) != 5 || !strings.Contains(calls[3]+calls[4], `{"id":1,"kind":"new"}`) {
		t.Errorf("%q", calls)
	}
	calls = nil
	tooLarge := strings.Replace(source, "maximum: 2", "maximum: 0", 1)
	if flow, err = flows.Parse("flow.yaml", []byte(tooLarge), steps.Catalogue()); err != nil {
		t.Fatal(err)
	}
	_, err = flow.Execute(t.Context(), flows.Run{ID: "r", Attempt: 1, Event: map[string]any{"group": "a"}}, flows.Env{HTTP: http.DefaultTransport})
	if err == nil || !strings.Contains(err.Error(), "with: id") || strings.Contains(strings.Join(calls, ""), "POST") {
		t.Errorf("%v %q", err, calls)
	}
}

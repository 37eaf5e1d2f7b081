package docs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/api/openapi"
)

const steps = "steps: [{transform: .}]\n"

// deploy deploys flows of all kinds that the document tells apart.
func deploy(p *apitest.Product) {
	p.Deploy(1, "slug: own\ntrigger: {http: {get: /own, scopes: {\"subs:read\": Read them}}}\n"+steps)
	p.Deploy(2, "slug: run\ntrigger: {http: {get: /run}}\n"+steps)
	p.Deploy(3, "slug: ways\ntrigger:\n  http:\n    - {get: /ways, auth: [key]}\n    - {put: /ways, auth: [basic]}\n    - {delete: /ways, auth: [bearer]}\n"+steps)
	p.Deploy(4, "slug: open\ntrigger: {http: {get: /open, auth: none}}\n"+steps)
	p.Deploy(5, "slug: schema\ntrigger: {webhook: {schema: {type: object}}}\n"+steps)
	p.Deploy(6, "slug: plain\ntrigger: webhook\n"+steps)
}

// TestOperationsOfFlows shows each caller the operations that it may call.
func TestOperationsOfFlows(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	deploy(p)
	if got := operations(t, p.Do("GET", "/openapi.json", "", "")); len(got) != 0 {
		t.Errorf("without credentials: %v", got)
	}
	p.Want(p.Do("PATCH", "/v1/keys/key-one", "ann", `{"flows":[2,3,5]}`), 200)
	for who, want := range map[string][]string{
		"ulf":     {"GET /open", "GET /run", "POST /v1/flows/5/runs", "PUT /ways", "DELETE /ways"},
		"key-one": {"GET /open", "GET /run", "GET /ways", "POST /v1/flows/5/runs", "DELETE /ways"},
	} {
		got := operations(t, p.Do("GET", "/openapi.json", who, ""))
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", who, diff)
		}
	}
	client := p.Want(p.Do("POST", "/v1/clients", "ann", `{"name":"c","scopes":["runs:read"],"secret":"a secret of sixteen","assertion_expires_on":"2099-01-01"}`), 201)["identifier"].(string)
	token := func() string {
		r := p.Request("POST", "/oauth2/token", "", "grant_type=client_credentials", "Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(client, "a secret of sixteen")
		return "Bearer " + p.Want(p.Send(r), 200)["access_token"].(string)
	}
	if got := operations(t, p.Do("GET", "/openapi.json", "", "", "Authorization", token())); !slices.Equal(got, []string{"GET /open"}) {
		t.Errorf("a client without scopes: %v", got)
	}
	// An administrator holds every scope of the server's, and grants one of the installation's own to itself.
	p.Want(p.Do("PATCH", "/v1/users/ann", "ann", `{"scopes":["subs:read:1"]}`), 200)
	if got := operations(t, p.Do("GET", "/openapi.json", "ann", "")); !slices.Contains(got, "GET /own") {
		t.Errorf("with the scope: %v", got)
	}
}

func TestDocumentOfAFlow(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	deploy(p)
	p.Want(p.Do("PATCH", "/v1/keys/key-one", "ann", `{"flows":[3]}`), 200)
	for _, c := range []struct {
		who, flow string
		want      []string
	}{
		{"ulf", "2", []string{"GET /run"}},
		{"ulf", "run", []string{"GET /run"}},
		{"ulf", "ways", []string{"DELETE /ways", "PUT /ways"}},
		{"ulf", "plain", []string{"POST /v1/flows/6/runs"}},
		{"key-one", "open", []string{"GET /open"}},
		{"key-one", "ways", []string{"DELETE /ways", "GET /ways"}},
	} {
		r := p.Do("GET", "/v1/flows/"+c.flow+"/openapi.json", c.who, "")
		if got := operations(t, r); !slices.Equal(got, c.want) {
			t.Errorf("%s: %s: %v", c.who, c.flow, got)
		}
	}
	for _, c := range []struct {
		who, flow string
		status    int
	}{{"ulf", "own", 404}, {"ulf", "99", 404}, {"key-one", "2", 404}, {"key-one", "6", 404}, {"", "2", 401}, {"", "4", 401}} {
		p.Want(p.Do("GET", "/v1/flows/"+c.flow+"/openapi.json", c.who, ""), c.status)
	}
}

// A document has an ETag, which changes with what is deployed and with what the caller may.
func TestETag(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	deploy(p)
	for _, path := range []string{"/openapi.json", "/v1/flows/2/openapi.json"} {
		first := p.Do("GET", path, "ulf", "")
		etag := first.Header.Get("ETag")
		again := p.Do("GET", path, "ulf", "", "If-None-Match", etag)
		if again.StatusCode != 304 || again.Text != "" || first.Header.Get("Cache-Control") != "private, no-cache" || !strings.Contains(first.Header.Get("Vary"), "Authorization") {
			t.Errorf("%s: %d %v", path, again.StatusCode, first.Header)
		}
		if second := p.Do("GET", path, "ulf", ""); second.Text != first.Text || second.Header.Get("ETag") != etag {
			t.Errorf("%s: a second answer differs", path)
		}
		p.Deploy(2, "slug: run\nname: "+strings.NewReplacer("/", "", ".", "").Replace(path)+"\ntrigger: {http: {get: /run}}\n"+steps)
		if changed := p.Do("GET", path, "ulf", "", "If-None-Match", etag); changed.StatusCode != 200 || changed.Header.Get("ETag") == etag {
			t.Errorf("%s: %d after a deployment", path, changed.StatusCode)
		}
	}
	if etag := p.Do("GET", "/openapi.json", "key-one", "").Header.Get("ETag"); etag == p.Do("GET", "/openapi.json", "ulf", "").Header.Get("ETag") {
		t.Error("two callers have one ETag")
	}
}

// A wrong credential is rejected; it is not treated as none.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.Want(p.Do("GET", "/openapi.json", "", "", "Authorization", "Bearer unknown"), 401)
	p.Want(p.Do("GET", "/openapi.json", "", "", "Penstock-Key", "key-one", "Penstock-Signature", "t=1,v1=00"), 401)
}

// operations are those of flows in a document.
func operations(t *testing.T, r apitest.Reply) []string {
	t.Helper()
	own, err := openapi.Describe()
	apitest.Fatal(t, err)
	type document struct {
		Paths map[string]map[string]json.RawMessage
	}
	var ours, doc document
	apitest.Fatal(t, json.Unmarshal(own.Document, &ours))
	if err := json.Unmarshal([]byte(r.Text), &doc); err != nil || r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.Text)
	}
	var all []string
	for path, item := range doc.Paths {
		if ours.Paths[path] == nil {
			for method := range maps.Keys(item) {
				all = append(all, fmt.Sprint(strings.ToUpper(method), " ", path))
			}
		}
	}
	slices.Sort(all)
	return all
}

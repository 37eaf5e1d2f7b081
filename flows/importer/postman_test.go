package importer_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/importer"
	"github.com/penstock/penstock/flows/steps"
)

// postman imports a collection with these requests, each a URL or a request object, by the names a, b, ….
func postman(t *testing.T, variables string, c importer.Config, requests ...string) *importer.Result {
	t.Helper()
	var items []string
	for i, r := range requests {
		items = append(items, fmt.Sprintf(`{"name": "%c", "request": %s}`, 'a'+i, r))
	}
	text := `{"info": {"name": "T", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"}, "variable": [` + variables + `], "item": [` + strings.Join(items, ",") + `]}`
	if !json.Valid([]byte(text)) {
		t.Fatalf("the test has no JSON: %s", text)
	}
	r, err := importer.Import("spec", strings.NewReader(text), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each request goes to its own server, whatever variables have a value here.
func TestPostmanServers(t *testing.T) {
	t.Parallel()
	base := `{"key": "baseUrl", "value": "https://api.example.org/v1"}, {"key": "host", "value": "h.example.org"}, {"key": "nested", "value": "https://{{host}}/n"}`
	for _, test := range []struct{ url, want string }{
		{`"{{baseUrl}}/people"`, "https://api.example.org/v1/people"},
		{`"{{authUrl}}/oauth/token"`, "${$params.authUrl}/oauth/token"},
		{`"https://{{payHost}}/charge"`, "https://${$params.payHost}/charge"},
		{`"{{payHost}}:8443/charge"`, "https://${$params.payHost}:8443/charge"},
		{`"https://{{region}}.pay.example.org/v"`, "https://${$params.region}.pay.example.org/v"},
		{`"{{scheme}}://{{h}}:{{port}}/v"`, "https://${$params.h}:${$params.port}/v"},
		{`"http://{{host}}/v/{{id}}"`, "http://h.example.org/v/${$params.id | @uri}"},
		{`"{{nested}}/x"`, "https://h.example.org/n/x"},
		{`{"method": "GET", "url": {"protocol": "https", "host": ["{{sub}}", "example", "org"], "port": "81", "path": ["a", "b"]}}`, "https://${$params.sub}.example.org:81/a/b"},
		{`"{{baseUrl}}"`, "https://api.example.org/v1/"},
	} {
		r := postman(t, base, importer.Config{}, `"https://first.example.org/x"`, test.url)
		connector, err := flows.ParseConnector("c.yaml", r.YAML(), steps.Catalogue())
		if err != nil {
			t.Errorf("%s: %v\n%s", test.url, err, r.YAML())
			continue
		}
		op, _ := connector.Operation("b")
		if op.URL != test.want {
			t.Errorf("%s becomes %s\nwant %s\n%s", test.url, op.URL, test.want, r.YAML())
		}
	}
}

// --base stands for the address of the first request, and not for other servers.
func TestPostmanBase(t *testing.T) {
	t.Parallel()
	r := postman(t, "", importer.Config{Base: "https://new.example.org/v2"}, `"{{baseUrl}}/a"`, `"{{authUrl}}/b"`)
	connector, err := flows.ParseConnector("c.yaml", r.YAML(), steps.Catalogue())
	if err != nil {
		t.Fatalf("%v\n%s", err, r.YAML())
	}
	b, _ := connector.Operation("b")
	if diff := cmp.Diff([]string{"https://new.example.org/v2", "${$params.authUrl}/b"}, []string{connector.Base, b.URL}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What is no request is listed, and nothing of it is sent anywhere.
func TestPostmanLeft(t *testing.T) {
	t.Parallel()
	r := postman(t, "", importer.Config{}, `"https://a.example.org/x"`, `7`, `{"method": "GET"}`, `"/relative"`, `"{{a b}}}/x{{"`, `{"method": "PURGE", "url": "https://a.example.org/x"}`, `"https://{{x}}:y:z/a"`)
	if len(r.Operations) != 1 || r.Operations[0].Name != "a" {
		t.Errorf("%+v\n%s", r.Operations, r.YAML())
	}
	for _, want := range []string{"neither a URL nor an object", "no URL with a server", "PURGE is not sent", "no URL"} {
		if !strings.Contains(fmt.Sprint(r.Left), want) {
			t.Errorf("%q is not told: %v", want, r.Left)
		}
	}
}

// A body is sent as Postman sends it: without comments, and a query of GraphQL without being given.
func TestPostmanBodies(t *testing.T) {
	t.Parallel()
	body := func(body string) string {
		return `{"method": "POST", "url": "https://a.example.org/x", "header": [{"key": "Content-Type", "value": "application/json"}], "body": ` + body + `}`
	}
	for _, test := range []struct{ body, params, want, told string }{
		{`{"mode": "raw", "raw": "{ // the name\n  \"a\": \"x // no /* comment\", /* not\n sent */ \"b\": 1 }"}`, `{"a": "y", "b": 2}`, `{"a":"y","b":2}`, ""},
		{`{"mode": "raw", "raw": "{\"a\": }"}`, `{"body": "z"}`, `"z"`, "is no JSON"},
		{`{"mode": "graphql", "graphql": {"query": "query($n: Int) { people(first: $n) { id } }", "variables": "{\"n\": 10}"}}`, `{"variables": {"n": 3}}`, `{"query":"query($n: Int) { people(first: $n) { id } }","variables":{"n":3}}`, ""},
	} {
		r := postman(t, "", importer.Config{}, body(test.body))
		c, err := flows.ParseConnector("c.yaml", r.YAML(), steps.Catalogue())
		if err != nil {
			t.Fatalf("%v\n%s", err, r.YAML())
		}
		params, err := flows.DecodeJSON([]byte(test.params))
		if err != nil {
			t.Fatal(err)
		}
		_, sent, err := c.Call(t.Context(), r.Operations[0].Name, params, map[string]any{"status": json.Number("200")})
		if err != nil || len(sent) != 1 {
			t.Errorf("%s: %v, %v\n%s", test.body, sent, err, r.YAML())
			continue
		}
		if got := string(flows.EncodeJSON(sent[0].(map[string]any)["body"])); got != test.want || !strings.Contains(fmt.Sprint(r.Left), test.told) {
			t.Errorf("%s: sent %s, want %s; told %v\n%s", test.body, got, test.want, r.Left, r.YAML())
		}
	}
}

// Credentials stand nowhere in the connector.
func TestPostmanCredentials(t *testing.T) {
	t.Parallel()
	r := postman(t, `{"key": "k", "value": "x-hunter2-aBc1dE2fG3hI4"}`, importer.Config{},
		`{"method": "POST", "url": "https://joe:hunter2@a.example.org/services/hunter2ABC123dEf456GhI", "description": "send sk_live_hunter2hunter2", "header": [{"key": "CB-ACCESS-PASSPHRASE", "value": "correct hunter2"}], "body": {"mode": "raw", "raw": "{\"passphrase\": \"hunter2\", \"n\": 1}"}}`,
		`{"method": "POST", "url": {"raw": "https://a.example.org/:token", "variable": [{"key": "token", "value": "hunter2"}]}, "body": {"mode": "urlencoded", "urlencoded": [{"key": "client_secret", "value": "hunter2"}, {"key": "a", "value": "1"}]}}`)
	if text := string(r.YAML()) + fmt.Sprint(r.Left); strings.Contains(text, "hunter2") {
		t.Errorf("the credential is in\n%s", text)
	}
	for _, place := range []string{"the user in the URL", "the path of the URL", "CB-ACCESS-PASSPHRASE", "the body.passphrase", "the member client_secret"} {
		if !strings.Contains(fmt.Sprint(r.Left), place) {
			t.Errorf("%s is not told: %v", place, r.Left)
		}
	}
	if _, err := flows.ParseConnector("c.yaml", r.YAML(), steps.Catalogue()); err != nil {
		t.Errorf("%v\n%s", err, r.YAML())
	}
}

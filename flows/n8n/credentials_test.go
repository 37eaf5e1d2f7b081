package n8n_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/n8n"
	"github.com/penstock/penstock/flows/steps"
)

// The credentials of a request are not in the flow, whatever their place, and each is listed with it.
func TestCredentialsOfRequests(t *testing.T) {
	t.Parallel()
	const random = "Hunter2aBcD3eF4gH5"
	for _, test := range []struct {
		params string
		told   []string
		want   string
	}{
		{`{"url": "https://bob:hunter2@api.example.org/login"}`, []string{"the user and the password in the URL", "connection node"}, "https://api.example.org/login"},
		{`{"url": "=https://bob:hunter2@api.example.org/{{ $json.a + '/?@' }}/` + random + `?x=1&api_key=hunter2&code=` + random + `&page={{ $json.page }}"}`,
			[]string{"the path of its URL looks like", "variable node_secret", "the query parameter api_key", "the query parameter code", "connection node-login"}, "?x=1&page=${ .page }"},
		{`{"url": "https://hooks.example.org/services/T02ABCDEF/B03GHIJKL/` + random + `"}`, []string{"node_secret"}, "/T02ABCDEF/B03GHIJKL/${ $vars.node_secret }"},
		{`{"url": "https://a.example.org", "sendBody": true, "bodyParameters": {"parameters": [{"name": "password", "value": "hunter2"}, {"name": "name", "value": "Ada"}, {"name": "token", "value": "={{ $json.t }}"}]}}`,
			[]string{"password of the body", "the secret node_password"}, `password: '${ secret("node_password") }'`},
		{`{"url": "https://a.example.org", "sendBody": true, "specifyBody": "json", "jsonBody": "{\"client_secret\": \"hunter2\", \"deep\": [{\"apiKey\": \"hunter2\", \"pin\": 7}], \"a\": \"${ x }\"}"}`,
			[]string{"client_secret of the body", "apiKey of the body", "pin of the body"}, `$${ x }`},
		{`{"url": "https://a.example.org", "sendBody": true, "specifyBody": "json", "jsonBody": "={\"client_secret\": \"hunter2\", \"auth\": \"Bearer hunter2 {{ $json.x }}\", \"token\": \"{{ $json.t }}\", \"a\": {{ $json.a }}, \"list\": [\"` + random + `\"]}"}`,
			[]string{"client_secret of the body", "auth of the body"}, `"a": .a`},
		{`{"url": "https://a.example.org", "sendBody": true, "contentType": "form-urlencoded", "bodyParameters": {"parameters": [{"name": "client_secret", "value": "hunter2"}]}}`, []string{"node_client_secret"}, "form:"},
		{`{"url": "https://a.example.org", "sendBody": true, "contentType": "form-urlencoded", "specifyBody": "string", "body": "=a={{ $json.a }}&client_secret=hunter2"}`, []string{"node_client_secret"}, "a=${ .a }&client_secret=${"},
		{`{"url": "https://a.example.org", "sendBody": true, "contentType": "multipart-form-data", "bodyParameters": {"parameters": [{"name": "passphrase", "value": "hunter2"}]}}`, []string{"node_passphrase"}, "multipart:"},
		{`{"url": "https://a.example.org", "sendBody": true, "contentType": "raw", "rawContentType": "application/xml", "body": "<a><Password>hunter2</Password></a>"}`, []string{"the secret node_password"}, "<a><Password>${ secret("},
		{`{"url": "https://a.example.org", "sendHeaders": true, "headerParameters": {"parameters": [{"name": "X-Custom-Key", "value": "hunter2"}, {"name": "x-functions-key", "value": "=hunter2"}, {"name": "DD-APPLICATION-KEY", "value": "=Bearer hunter2{{ $json.a }}"}, {"name": "X-Team", "value": "` + random + `"}, {"name": "X-Token", "value": "=Bearer {{ $json.token }}"}]}}`,
			[]string{"the header X-Custom-Key", "the header x-functions-key", "the header DD-APPLICATION-KEY", "the header X-Team", "connection node (api)"}, "X-Token: "},
		{`{"url": "https://a.example.org", "sendHeaders": true, "specifyHeaders": "json", "jsonHeaders": "={\"X-Token\": \"hunter2\", \"x\": \"{{ $json.a }}\"}"}`, []string{"node_x_token"}, ""},
	} {
		src := strings.ReplaceAll(workflow("httpRequest", test.params), `"typeVersion": 1`, `"typeVersion": 4`)
		r, err := n8n.Import([]byte(src), n8n.Config{})
		if err != nil {
			t.Fatal(err)
		}
		told := fmt.Sprint(r.Notes, r.Secrets, r.Vars)
		for _, k := range r.Connections {
			told += fmt.Sprintf("\nconnection %s (%s)", k.Name, k.Type)
		}
		for _, text := range []string{string(r.Flow), told} {
			if lower := strings.ToLower(text); strings.Contains(lower, "hunter2") || strings.Contains(text, "bob") {
				t.Errorf("%s\nhas the credential\n%s", test.params, text)
			}
		}
		if !strings.Contains(string(r.Flow), test.want) {
			t.Errorf("%s\nhas no %s\n%s", test.params, test.want, r.Flow)
		}
		for _, want := range test.told {
			if !strings.Contains(strings.Replace(told, "body of its request", "body", -1), want) {
				t.Errorf("%s\n%s is not told:\n%s", test.params, want, told)
			}
		}
		if _, err := flows.Parse("test.yaml", r.Flow, steps.Catalogue()); err != nil {
			t.Errorf("%v\n%s", err, r.Flow)
		}
	}
}

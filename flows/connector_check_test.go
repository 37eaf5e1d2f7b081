package flows_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// Mistakes that no operation shows are reported, each once and at its place.
func TestCheckOfConnectors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ from, to, want string }{
		{"[oauth2_client, bearer]", "[bearr]", `zoom.yaml:4:22: types: there is no type of connection "bearr" (did you mean bearer?)`},
		{"bearer]}", `bearer], hosts: ["a b", "https://u:p@x/", "*", "*.org", "*.x.org", "http://crm.internal:80"]}`,
			`zoom.yaml:4:54: hosts: "a b" is no host` + "\n" + `zoom.yaml:4:61: hosts: "https://u:p@x/" is no host` + "\n" + `zoom.yaml:4:79: hosts: "*" is no host` + "\n" + `zoom.yaml:4:84: hosts: "*.org" is no host`},
		{"bearer]}", `bearer], settings: {token: SECRET, token_url: "https://x.org", client_secret: SECRET}}`,
			"zoom.yaml:4:57: settings: token is a secret of the type bearer (a connection has it, not the file)\nzoom.yaml:4:100: settings: client_secret is a secret of the type oauth2_client (a connection has it, not the file)"},
		{"bearer]}", `bearer], test: x/y}`, `zoom.yaml:4:52: test: expected a URL such as https://api.example.org, or a path that begins with /, found "x/y"`},
		{"timeout: 20s", "retry: {attempts: 99, on: [foo]}", "zoom.yaml:6:19: attempts: expected 1 to 20\nzoom.yaml:6:27: on: "},
		{"base: https://api.zoom.us/v2", "base: ftp://x", `zoom.yaml:3:7: base: expected a URL such as https://api.example.org, or a path that begins with /, found "ftp://x"`},
		{"base: https://api.zoom.us/v2", "base: nonsense", "zoom.yaml:3:7: base: expected a URL"},
		{"base: https://api.zoom.us/v2", "base: https://u:p@x.org/", "zoom.yaml:3:7: base: https://… is no address of a server"},
		{"get: /users", "get: x/y", `zoom.yaml:23:17: get: expected a URL`},
		{"X-Client: penstock}", `X-Client: "a\r\nb", "a b": c}`, "zoom.yaml:5:17: \"a b\" is not a header name\nzoom.yaml:5:28: headers: the value of X-Client has a line break or another control character"},
		{"{get: /users,", `{get: /users, headers: {X: "a\nb"},`, "zoom.yaml:23:38: headers: the value of X has a line break"},
		{"    example: {response: {json: {users", "    output: {type: foo}\n    example: {response: {json: {users", "zoom.yaml:24:13: output: "},
		{"http: {headers: {X-Client: penstock}}", "http: {headrs: {X-Client: penstock}}", `zoom.yaml:5:8: unknown`},
	} {
		_, err := flows.ParseConnector("zoom.yaml", []byte(strings.Replace(zoom, test.from, test.to, 1)), catalogue())
		var problems problem.List
		if !errors.As(err, &problems) {
			t.Errorf("%s: %v", test.to, err)
			continue
		}
		want := strings.Split(test.want, "\n")
		var lines []string
		for i := range problems {
			line := problems[i].Error()
			if i < len(want) && strings.HasPrefix(line, want[i]) {
				line = want[i]
			}
			lines = append(lines, line)
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.to, diff)
		}
	}
	for _, good := range []string{"base: /v2", "base: ${ $params.base_url }", "base: https://${ $params.tenant }.zoom.us/v2", "base: http://localhost:8080", `base: "https://[::1]:8443/v2"`} {
		if _, err := flows.ParseConnector("zoom.yaml", []byte(strings.Split(strings.Replace(zoom, "base: https://api.zoom.us/v2", good, 1), "tests:")[0]), catalogue()); err != nil && !strings.Contains(err.Error(), "params has no") && !strings.Contains(err.Error(), "$params has no value") {
			t.Errorf("%s: %v", good, err)
		}
	}
}

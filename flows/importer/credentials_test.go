package importer_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/importer"
	"github.com/penstock/penstock/flows/steps"
)

// imported is a document as a connector, which must have no mistakes, with what did not come over.
func imported(t *testing.T, document string) (connector *flows.Connector, left string) {
	t.Helper()
	return importedBy(t, document, importer.Config{Name: "c"})
}

// importedBy does so with a configuration.
func importedBy(t *testing.T, document string, config importer.Config) (connector *flows.Connector, left string) {
	t.Helper()
	r, err := importer.Import("spec", strings.NewReader(document), config)
	if err != nil {
		t.Fatal(err)
	}
	if connector, err = flows.ParseConnector("c.yaml", r.YAML(), steps.Catalogue()); err != nil {
		t.Fatalf("the connector has mistakes: %v\n%s", err, r.YAML())
	}
	for _, n := range r.Left {
		left += n.Operation + ": " + n.Place + ": " + n.Reason + "\n"
	}
	return connector, left
}

// paramsOf are the names of an operation's params.
func paramsOf(t *testing.T, c *flows.Connector, operation string) map[string]any {
	t.Helper()
	op, ok := c.Operation(operation)
	if !ok {
		t.Fatalf("there is no operation %s", operation)
	}
	properties, _ := op.Params["properties"].(map[string]any)
	return properties
}

// Parameters that hold a credential are left to the connection, and that is said.
func TestCredentialParameters(t *testing.T) {
	t.Parallel()
	const oauth = "components: {securitySchemes: {o: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://a.example.org/t', scopes: {}}}}, api_key: {type: apiKey, in: header, name: X-Key}}}\nsecurity: [{o: []}]\n"
	for param, credential := range map[string]bool{
		"in: header, name: token, required: true, description: Authentication token": true,
		"in: query, name: token":                                 true,
		"in: query, name: token, description: The package token": false,
		"in: query, name: key, description: API key":             true,
		"in: query, name: key, description: The project key":     false,
		"in: query, name: oauth_token, description: Of the user": true,
		"in: query, name: access_token":                          true,
		"in: query, name: api_key":                               true,
		"in: query, name: apiKey, required: true":                true,
		"in: cookie, name: x-key":                                true,
		"in: query, name: page_token":                            false,
	} {
		c, left := imported(t, head+oauth+"paths: {/a: {get: {operationId: a, parameters: [{"+param+", schema: {type: string}}], responses: {}}}}")
		if got := len(paramsOf(t, c, "a")) == 0; got != credential {
			t.Errorf("%s: left out %v, want %v", param, got, credential)
		}
		if said := strings.Contains(left, "/parameters/0: the parameter") && strings.Contains(left, "is a credential"); said != credential {
			t.Errorf("%s: said %v, want %v: %s", param, said, credential, left)
		}
	}
}

// A member of a form is left out when it is the caller's credential, and kept when it is what the operation is about.
func TestCredentialOfForm(t *testing.T) {
	t.Parallel()
	c, left := imported(t, head+`
components: {securitySchemes: {o: {type: http, scheme: bearer}}}
security: [{o: []}]
paths: {/a: {post: {operationId: a, requestBody: {content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {
  token: {type: string, description: Authentication token. Requires scope chat}, access_token: {type: string, description: The access token to revoke}}}}}}}}}
`)
	if diff := cmp.Diff([]string{"access_token"}, slices.Collect(maps.Keys(paramsOf(t, c, "a")))); diff != "" || !strings.Contains(left, `the member "token" is a credential`) {
		t.Errorf("%s%s", diff, left)
	}
}

// A credential of an operation without a security scheme becomes a connection that sends it; one of many operations is said once.
func TestCredentialWithoutScheme(t *testing.T) {
	t.Parallel()
	var paths string
	for i := range 3 {
		paths += fmt.Sprintf("  /a%d: {post: {operationId: a%d, parameters: [{in: query, name: apikey, required: true, schema: {type: string}}]}}\n", i, i)
	}
	c, left := imported(t, head+"paths:\n"+paths)
	if diff := cmp.Diff([]string{"api_key"}, c.Connection.Types); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"in": "query", "name": "apikey"}, c.Connection.Settings); diff != "" {
		t.Error(diff)
	}
	if len(paramsOf(t, c, "a1")) != 0 {
		t.Errorf("params: %v", paramsOf(t, c, "a1"))
	}
	if strings.Count(left, `the parameter "apikey" is a credential`) != 1 || !strings.Contains(left, "(in 3 places)") {
		t.Error(left)
	}
}

// The settings of all security schemes are kept: those of the first type as settings, the others in words.
func TestSettingsOfSchemes(t *testing.T) {
	t.Parallel()
	c, _ := imported(t, head+`
components:
  securitySchemes:
    token: {type: http, scheme: bearer}
    key: {type: apiKey, in: query, name: apikey}
    other: {type: apiKey, in: header, name: X-Other}
    login: {type: oauth2, flows: {authorizationCode: {authorizationUrl: 'https://a.example.org/authorize', tokenUrl: 'https://a.example.org/token', scopes: {}}}}
security: [{token: []}, {login: []}, {key: []}, {other: []}]
paths: {/a: {get: {operationId: a}}}
`)
	if diff := cmp.Diff([]string{"bearer", "oauth2_refresh", "api_key"}, c.Connection.Types); diff != "" {
		t.Error(diff)
	}
	for _, want := range []string{"`authorize_url: https://a.example.org/authorize`, `token_url: https://a.example.org/token`", "`in: query`, `name: apikey`", "`name: X-Other`"} {
		if !strings.Contains(c.Connection.Doc, want) {
			t.Errorf("%s\nwants %s", c.Connection.Doc, want)
		}
	}
}

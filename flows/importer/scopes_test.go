package importer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows/importer"
)

// oauth is a security scheme o with a flow of OAuth 2.0 and three scopes.
func oauth(flow string) string {
	return "components: {securitySchemes: {o: {type: oauth2, flows: {" + flow + ": {authorizationUrl: 'https://a.example.org/a', tokenUrl: 'https://a.example.org/t', scopes: {read: r, write: w, admin: a}}}}}}\n"
}

// The scopes of the connection are those that the operations need which come over, and no others.
func TestScopes(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, operations, only, scope, left string }{
		{"of one operation", "/a: {get: {operationId: a, security: [{o: [read]}]}}", "", "read", ""},
		{"of several", "/a: {get: {operationId: a, security: [{o: [write]}]}, put: {operationId: b, security: [{o: [read, write]}]}}", "", "read write", ""},
		{"of those that are chosen", "/a: {get: {operationId: a, security: [{o: [read]}]}, put: {operationId: b, security: [{o: [admin]}]}}", "a", "read", ""},
		{"of the document", "/a: {get: {operationId: a}}\nsecurity: [{o: [read]}]", "", "read", ""},
		{"of alternatives", "/a: {get: {operationId: a, security: [{o: [read]}, {o: [admin]}]}}", "", "read", "#/paths/~1a/get/security/1/o: the scopes of the first alternative are those of the connection"},
		{"of nobody", "/a: {get: {operationId: a, security: [{o: []}]}}", "", "", "#/components/securitySchemes/o: no operation says which scopes it needs: name them in the setting scope of the connection, of admin, read, write"},
		{"that cannot be sent", `/a: {get: {operationId: a, security: [{o: [read, "admin\nx write"]}]}}`, "", "read", `#/paths/~1a/get/security/0/o: the scope "admin\nx write" is left out`},
		{"that nobody offers", "/a: {get: {operationId: a, security: [{o: [other]}]}}", "", "other", ""},
		{"many", "/a: {get: {operationId: a, security: [{o: [a, b, c, d, e, f, g, h]}]}}", "", "a b c d e f g h", ""},
	}
	for _, test := range tests {
		for _, flow := range []string{"clientCredentials", "authorizationCode", "password"} {
			t.Run(test.name+" by "+flow, func(t *testing.T) {
				t.Parallel()
				config := importer.Config{Name: "c"}
				if test.only != "" {
					config.Only = []string{test.only}
				}
				c, left := importedBy(t, head+oauth(flow)+"paths:\n  "+test.operations+"\n", config)
				got, _ := c.Connection.Settings["scope"].(string)
				if diff := cmp.Diff(test.scope, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if !strings.Contains(left, test.left) || test.left == "" && left != "" {
					t.Errorf("left: %s\nwant %s", left, test.left)
				}
			})
		}
	}
}

// A scope that only another flow of the scheme offers is not asked for; a token that somebody makes has its scopes in words.
func TestScopesOfFlows(t *testing.T) {
	t.Parallel()
	c, left := imported(t, head+`
components: {securitySchemes: {o: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://a.example.org/t', scopes: {read: r}}, authorizationCode: {authorizationUrl: 'https://a.example.org/a', tokenUrl: 'https://a.example.org/t', scopes: {read: r, me: m}}, implicit: {scopes: {read: r, me: m}}}}}}
security: [{o: [read, me]}]
paths: {/a: {get: {operationId: a}}}
`)
	if got := c.Connection.Settings["scope"]; got != "read" {
		t.Errorf("scope %v", got)
	}
	for _, want := range []string{"of type oauth2_refresh: ", "`scope: me read`", "Its token has the scopes `me read`."} {
		if !strings.Contains(c.Connection.Doc, want) {
			t.Errorf("%s\nwants %s", c.Connection.Doc, want)
		}
	}
	if left != "" {
		t.Error(left)
	}
}

// What a connection cannot have of a security scheme is listed.
func TestSchemesThatAreLeftOut(t *testing.T) {
	t.Parallel()
	for scheme, want := range map[string]string{
		"{type: oauth2, flows: {clientCredentials: {tokenUrl: 'http://169.254.169.254/token', scopes: {}}}}": `#/components/securitySchemes/o/flows/clientCredentials/tokenUrl: the tokenUrl is left out: "http://169.254.169.254/token" is no https:// URL`,
		"{type: oauth2, flows: {clientCredentials: {tokenUrl: '/token', scopes: {}}}}":                       `"/token" is no https:// URL`,
		`{type: apiKey, in: header, name: "X-A\r\nHost"}`:                                                    `#/components/securitySchemes/o: the security scheme "o" is left out: "X-A\r\nHost" cannot be the name of a header or cookie`,
		`{type: apiKey, in: cookie, name: "a; b"}`:                                                           `"a; b" cannot be the name of a header or cookie`,
		"{type: unheard}": `the security scheme "o" is not described, or has an unknown type`,
	} {
		c, left := imported(t, head+"components: {securitySchemes: {o: "+scheme+"}}\nsecurity: [{o: []}]\npaths: {/a: {get: {operationId: a}}}\n")
		if !strings.Contains(left, want) || strings.Count(left, "\n") != 1 {
			t.Errorf("%s: left: %s\nwant %s", scheme, left, want)
		}
		if text := string(c.Source); strings.Contains(text, "169.254") || strings.Contains(text, "Host") {
			t.Errorf("%s: the connector has it:\n%s", scheme, text)
		}
	}
}

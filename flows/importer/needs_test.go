package importer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows/importer"
)

// Drift compares the credentials that operations need: alternatives, credentials that go together, and scopes.
func TestDriftOfSecurity(t *testing.T) {
	t.Parallel()
	const none = head + `
paths: {/people: {get: {operationId: people SECURITY}, post: {operationId: add}}, /log: {get: {operationId: log}}}
components: {securitySchemes: {key: {type: apiKey, in: header, name: x-key}, other: {type: apiKey, in: query, name: other}, token: {type: http, scheme: bearer}, o: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://a.example.org/t', scopes: {read: r, write: w}}}}}}
`
	tests := []struct {
		name, old, fresh string // the needs of all operations, and behind | those of people
		want             []string
	}{
		{"same", "[{key: []}]", "[{key: []}]", nil},
		{"other", "[{key: []}]", "[{token: []}]", []string{"! : the credentials are bearer, no longer api_key (header x-key)"}},
		{"new", "", "[{token: []}]", []string{"! : a connection of one of bearer is needed"}},
		{"gone", "[{key: []}]", "", []string{"  : no connection is needed, before one of api_key: the document has no security scheme that is taken over"}},
		{"one more alternative", "[{key: []}]", "[{token: []}, {key: []}]", []string{"  : the credentials are bearer, or api_key (header x-key), no longer api_key (header x-key)"}},
		{"one alternative less", "[{token: []}, {key: []}]", "[{key: []}]", []string{"! : the credentials are api_key (header x-key), no longer bearer, or api_key (header x-key)"}},
		{"a second credential", "[{o: [read]}]", "[{o: [read], key: []}]", []string{"! : the credentials are api_key (header x-key) and oauth2_client with the scopes read, no longer oauth2_client with the scopes read"}},
		{"a second key", "[{key: []}]", "[{key: [], other: []}]", []string{"! : the credentials are api_key (header x-key) and api_key (query other), no longer api_key (header x-key)"}},
		{"one credential less", "[{o: [read], key: []}]", "[{key: []}]", []string{"  : the credentials are api_key (header x-key), no longer api_key (header x-key) and oauth2_client with the scopes read"}},
		{"another scope", "[{o: [read]}]", "[{o: [write]}]", []string{"! : the credentials are oauth2_client with the scopes write, no longer oauth2_client with the scopes read"}},
		{"one more scope", "[{o: [read]}]", "[{o: [write, read]}]", []string{"! : the credentials are oauth2_client with the scopes read, write, no longer oauth2_client with the scopes read"}},
		{"one scope less", "[{o: [read, write]}]", "[{o: [read]}]", []string{"  : the credentials are oauth2_client with the scopes read, no longer oauth2_client with the scopes read, write"}},
		{"order of scopes", "[{o: [read, write]}]", "[{o: [write, read]}]", nil},
		{"of one operation", "[{key: []}]|[{o: [read]}]", "[{key: []}]|[{o: [write]}]", []string{"! people: the credentials are oauth2_client with the scopes write, no longer oauth2_client with the scopes read"}},
		{"of one operation that had none", "[{key: []}]|[]", "[{key: []}]", []string{"! people: the credentials are api_key (header x-key), no longer none"}},
		{"optional", "[{key: []}]", "[{key: []}, {}]", []string{"  : the credentials are api_key (header x-key), or none, no longer api_key (header x-key)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			document := func(needs string) string {
				all, one, own := strings.Cut(needs, "|")
				if own {
					one = ", security: " + one
				}
				text := strings.Replace(none, " SECURITY", one, 1)
				if all != "" {
					text += "security: " + all + "\n"
				}
				return text
			}
			if diff := cmp.Diff(test.want, driftOf(t, document(test.old), document(test.fresh))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A connector with some of the operations is compared by their credentials, and one that does not say them, by those of its connection.
func TestDriftOfSomeOperations(t *testing.T) {
	t.Parallel()
	const document = head + `
paths: {/people: {get: {operationId: people, security: [{o: [read]}]}, post: {operationId: add, security: [{key: []}, {o: [write]}]}}}
components: {securitySchemes: {key: {type: apiKey, in: header, name: x-key}, o: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://a.example.org/t', scopes: {read: r, write: w}}}}}}
`
	some, err := importer.Import("spec", strings.NewReader(document), importer.Config{Only: []string{"people"}})
	if err != nil {
		t.Fatal(err)
	}
	all, err := importer.Import("spec", strings.NewReader(document), importer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := importer.Drift(some.YAML(), all)
	if err != nil || len(changes) > 0 {
		t.Errorf("%v, %v", changes, err)
	}
	text, _, cut := strings.Cut(string(some.YAML()), "  security:")
	_, rest, found := strings.Cut(string(some.YAML()), "base:")
	if !cut || !found {
		t.Fatalf("no needs in\n%s", some.YAML())
	}
	changes, err = importer.Drift([]byte(text+"base:"+rest), all)
	want := []importer.Change{
		{What: "the connection is one of oauth2_client, api_key, no longer of oauth2_client"},
		{What: "the setting scope of the connection is read write, no longer read", Affects: true},
	}
	if diff := cmp.Diff(want, changes); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

package importer_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows/importer"
)

// An operation that goes to another server than the others is listed. A server without TLS is not among the hosts of the connection, unless --base names it.
func TestServersOfOperations(t *testing.T) {
	t.Parallel()
	const plain, keyed = "paths: {/a: {get: {operationId: a}}, /b: {SERVERS, get: {operationId: b}, put: {operationId: c}}}\n", "components: {securitySchemes: {k: {type: http, scheme: bearer}}}\nsecurity: [{k: []}]\n"
	tests := []struct {
		name, document, base string
		hosts                []string
		left                 []string
	}{
		{"one", head + strings.Replace(plain, "SERVERS, ", "", 1), "", []string{"api.example.org"}, nil},
		{"the same", head + strings.Replace(plain, "SERVERS", "servers: [{url: https://api.example.org/}]", 1), "", []string{"api.example.org"}, nil},
		{"of a path", head + strings.Replace(plain, "SERVERS", "servers: [{url: https://up.example.org}]", 1), "", []string{"api.example.org", "up.example.org"},
			[]string{"b: #/paths/~1b/servers: is sent to another server, https://up.example.org (in 2 places)"}},
		{"of an operation", head + strings.Replace(plain, "SERVERS, get: {", "get: {servers: [{url: https://up.example.org}], ", 1), "", []string{"api.example.org", "up.example.org"},
			[]string{"b: #/paths/~1b/get/servers: is sent to another server, https://up.example.org"}},
		{"without TLS", head + strings.Replace(plain, "SERVERS", "servers: [{url: 'http://127.0.0.1:27996'}]", 1), "", []string{"api.example.org"}, []string{
			"b: #/paths/~1b/servers/0: the server http://127.0.0.1:27996 has no TLS: it is not among the hosts of the connection, which would send its credential in clear (in 2 places)",
			"b: #/paths/~1b/servers: is sent to another server, http://127.0.0.1:27996 (in 2 places)",
		}},
		{"base without TLS", strings.Replace(head, "https:", "http:", 1) + strings.Replace(plain, "SERVERS, ", "", 1), "", nil,
			[]string{": #/servers/0: the server http://api.example.org has no TLS: it is not among the hosts of the connection, which would send its credential in clear"}},
		{"base that is given", head + strings.Replace(plain, "SERVERS, ", "", 1), "http://127.0.0.1:8081/v1", []string{"http://127.0.0.1:8081"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, left := importedBy(t, test.document+keyed, importer.Config{Name: "c", Base: test.base})
			if diff := cmp.Diff(test.hosts, c.Connection.Hosts); diff != "" {
				t.Errorf("hosts (-want +got)\n%s", diff)
			}
			var got []string
			if left != "" {
				got = strings.Split(strings.TrimSuffix(left, "\n"), "\n")
			}
			if diff := cmp.Diff(test.left, got); diff != "" {
				t.Errorf("left (-want +got)\n%s", diff)
			}
		})
	}
}

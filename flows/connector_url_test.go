package flows_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

// A value in the URL of an operation can neither choose another server nor leave a segment of the path out.
func TestOperationURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ base, path, value, want string }{
		{"https://${ $params.v }.example.org/v1", "/a", "acme", "https://acme.example.org/v1/a"},
		{"https://${ $params.v }.example.org/v1", "/a", "127.0.0.1:9304/steal?x=", "no part of a host"},
		{"https://${ $params.v }.example.org/v1", "/a", "/steal", "no part of a host"},
		{"https://${ $params.v }.example.org/v1", "/a", "evil.example.com#", "no part of a host"},
		{"https://${ $params.v }.example.org/v1", "/a", `evil.example.com\`, "no part of a host"},
		{"https://${ $params.v }.example.org/v1", "/a", "me@evil.example.com", "no part of a host"},
		{"https://${ $params.v }.example.org/v1", "/a", "evil.example.com\t", "no part of a host"},
		{"https://${ $params.v }.example.org/v1", "/a", "", "no part of a host"},
		{"https://api.${ $params.v }", "/a", "", "no part of a host"},
		{"https://api.${ $params.v }", "/a", "/evil", "no part of a host"},
		{"https://${ $params.v }", "/a", "example.org:8080", "https://example.org:8080/a"},
		{"https://example.org:${ $params.v }", "/a", "8080", "https://example.org:8080/a"},
		{"https://example.org${ $params.v }", "/a", "/v2", "https://example.org/v2/a"},
		{"https://example.org${ $params.v }x", "/a", "/v2", "no part of a host"},
		{"${ $params.v }/v1", "/a", "https://example.org", "https://example.org/v1/a"},
		{"${ $params.v }/v1", "/a", "https://evil.example.com/?x=", "no address of a server"},
		{"${ $params.v }/v1", "/a", "https://example.org@evil.example.com", "no address of a server"},
		{"${ $params.v }://example.org", "/a", "http", "http://example.org/a"},
		{"${ $params.v }://example.org", "/a", "http://evil.example.com/?", "neither http nor https"},
		{"https://example.org", "/a/${ $params.v | @uri }/b", "7", "https://example.org/a/7/b"},
		{"https://example.org", "/a/${ $params.v | @uri }/b", "", "is empty"},
		{"https://example.org", "/a/${ $params.v | @uri }", "", "is empty"},
		{"https://example.org", "/a/${ $params.v }:restart", "", "is empty"},
		{"https://example.org/${ $params.v }", "/a", "", "is empty"},
		{"https://example.org", "/a.${ $params.v }", "", "https://example.org/a."},
		{"https://example.org", "/a?q=${ $params.v | @uri }", "", "https://example.org/a"},
		{"https://example.org", "/a?q=/${ $params.v | @uri }", "", "https://example.org/a"},
	} {
		c, err := flows.ParseConnector("c.yaml", []byte("connector: c\nbase: '"+test.base+"'\noperations:\n  a: {params: {properties: {v: {type: string}}}, http: {get: '"+test.path+"'}}\n"), catalogue())
		if err != nil {
			t.Fatal(err)
		}
		_, requests, err := c.Call(t.Context(), "a", map[string]any{"v": test.value}, map[string]any{"json": "x"})
		if err == nil && len(requests) == 1 {
			if got := requests[0].(map[string]any)["url"]; got != test.want {
				t.Errorf("%s%s with %q: %s, want %s", test.base, test.path, test.value, got, test.want)
			}
			continue
		}
		var failure *flows.Error
		if !errors.As(err, &failure) || failure.Code != flows.CodeStepFailed || !strings.Contains(failure.Message, test.want) || len(requests) > 0 {
			t.Errorf("%s%s with %q: %v, %d requests, want %q", test.base, test.path, test.value, err, len(requests), test.want)
		}
	}
}

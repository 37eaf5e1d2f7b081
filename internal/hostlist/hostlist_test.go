package hostlist_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/hostlist"
)

func TestAllows(t *testing.T) {
	t.Parallel()
	tests := []struct {
		pattern          string
		allowed, refused string // URLs, separated by spaces
	}{
		{"api.Example.org", "https://api.example.org/x https://API.example.org:443/", "http://api.example.org https://api.example.org:8443 https://api.example.org.evil.org https://x.api.example.org https://example.org"},
		{"api.example.org:8443", "https://api.example.org:8443", "https://api.example.org"},
		{"*.example.org", "https://a.example.org https://a.b.example.org", "https://example.org https://aexample.org https://.example.org http://a.example.org"},
		{"http://crm.internal:8080", "http://crm.internal:8080", "https://crm.internal:8080 http://crm.internal"},
		{"http://localhost", "http://localhost http://localhost:80", "https://localhost"},
		{"https://[::1]:9000", "https://[::1]:9000", "https://[::2]:9000"},
		{"[::1]", "https://[::1]", "http://[::1]"},
		{"127.0.0.1:80", "https://127.0.0.1:80", "http://127.0.0.1"},
	}
	for _, test := range tests {
		hosts, err := hostlist.Read([]string{test.pattern})
		if err != nil {
			t.Fatal(err)
		}
		for want, list := range map[bool]string{true: test.allowed, false: test.refused} {
			for text := range strings.FieldsSeq(list) {
				u, err := url.Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if got := hosts.Allows(u); got != want {
					t.Errorf("%s allows %s: %v", test.pattern, text, got)
				}
			}
		}
	}
	for _, pattern := range []string{"", "*", "*.org", "*example.org", "a b", "ftp://a.org", "https://a.org/path", "a.org:port", "u:p@a.org", "https://*"} {
		if _, err := hostlist.Read([]string{pattern}); err == nil {
			t.Errorf("%q is taken for a host", pattern)
		}
	}
}

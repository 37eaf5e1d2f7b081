package httpstep

import (
	"strings"
	"testing"
)

// What a flow has escaped with @uri stays one segment of the path, whatever else the path has to be escaped for.
func TestTargetPaths(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://a/b/..%2F..%2Fadmin%3Fa":       "/b/..%2F..%2Fadmin%3Fa",
		"http://a/My Lists/..%2F..%2Fadmin%3F": "/My%20Lists/..%2F..%2Fadmin%3F",
		"http://a/Bücher/a%2Fb":                "/B%C3%BCcher/a%2Fb",
		"http://a/b c/d":                       "/b%20c/d",
		"http://a/%7Bx%7D/{y}":                 "/%7Bx%7D/%7By%7D",
		"http://a":                             "",
	} {
		target, err := parseTarget(text)
		if err != nil || target.RequestURI() != want && want != "" || target.EscapedPath() != want {
			t.Errorf("%s: %v, %v, want %s", text, target, err, want)
		}
	}
	for _, text := range []string{"http://a/b/../c", "http://a/..", "http://a/b/%2e%2E/c", "http://a/./b", "http://a/b c/.."} {
		if _, err := parseTarget(text); err == nil || !strings.Contains(err.Error(), "segment") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

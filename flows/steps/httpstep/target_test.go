package httpstep

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"https://api.example.org/people?id=1", "https://api.example.org/people?id=1"},
		{"http://h/a b/ü", "http://h/a%20b/%C3%BC"},
		{"http://h/?q=Zoë Smith \"x\"", "http://h/?q=Zo%C3%AB%20Smith%20%22x%22"},
		{"http://h/?q=%41+b&c", "http://h/?q=%41+b&c"},
		{"http://h/p#fragment", "http://h/p"},
		{"http://[::1]:8080/", "http://[::1]:8080/"},
	}
	for _, test := range tests {
		got, err := parseTarget(test.text)
		if err != nil || got.String() != test.want {
			t.Errorf("%s: %v, %v, want %s", test.text, got, err, test.want)
		}
	}
}

// The message about an invalid URL shows none of the parts that may hold credentials.
func TestParseTargetRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"", `"" is not an http:// or https:// URL`},
		{"api.example.org/people", `"api.example.org/people" is not an http:// or https:// URL`},
		{"ftp://user:hunter2@h/p", `"ftp://h/p" is not an http:// or https:// URL`},
		{"https:///people?key=hunter2", `"https:///people" names no host`},
		{"https://user:hun/ter2@h:port", `"https://h:port" is not a URL`},
		{"https://h:x/?key=hunter2", `"https://h:x/" is not a URL`},
		{"https://h/%zz#hunter2", `"https://h/%zz" is not a URL`},
		{"https://h/\r\nX-Injected: 1", `"https://h/\r\nX-Injected: 1" is not a URL`},
		{"file:///etc/passwd", `"file:///etc/passwd" is not an http:// or https:// URL`},
	}
	for _, test := range tests {
		got, err := parseTarget(test.text)
		if err == nil || err.Error() != test.want {
			t.Errorf("%q: %v, %v, want %s", test.text, got, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the message tells: %v", test.text, err)
		}
	}
}

func TestNextLink(t *testing.T) {
	t.Parallel()
	tests := []struct {
		headers []string
		want    string
	}{
		{nil, ""},
		{[]string{`<https://h/?page=2>; rel="next"`}, "https://h/?page=2"},
		{[]string{`<https://h/?page=1>; rel="prev", <https://h/?page=3>; rel="next"`}, "https://h/?page=3"},
		{[]string{`</p?a=1,2;b>; title="a, <b>; rel=next"; rel=last`, `<?page=2>;REL=Next`}, "?page=2"},
		{[]string{`<x>; rel="start  NEXT"`}, "x"},
		{[]string{`<x>; rel=prev; rel=next`}, ""},
		{[]string{`<x>; title="\"; rel=next"`}, ""},
		{[]string{`<x; rel=next`, `x>; rel=next`, `,,;`}, ""},
	}
	for _, test := range tests {
		if got := nextLink(test.headers); got != test.want {
			t.Errorf("%q: %q, want %q", test.headers, got, test.want)
		}
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"1B": 1, "17": 17, "512KB": 512_000, "10 MB": 10_000_000, "1mb": 1_000_000, "1GB": 1_000_000_000} {
		if got, ok := flows.ParseSize(text); !ok || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "MB", "-1KB", "1.5MB", "10TB", "1 K B", "99999999999MB"} {
		if got, ok := flows.ParseSize(text); ok && got > 0 {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add(`<https://h/?page=2>; rel="next", <y>; rel=last`)
	f.Add(`<x>; title="\"; rel=next`)
	f.Fuzz(func(t *testing.T, header string) {
		if got := nextLink([]string{header}); !strings.Contains(header, "<"+got) && got != "" {
			t.Errorf("%q is not in %q", got, header)
		}
	})
}

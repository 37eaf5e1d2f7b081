package pathtree

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"/a", "/appservices/api/v1/External/Data/{feed}/Subscribers", "/{a}/{b-c_2}", "/a.php", "/a/~!$&'()*+,;=:@"} {
		if got, err := Parse(good); err != nil || got.String() != good {
			t.Errorf("%s: %v %v", good, got, err)
		}
	}
	for bad, why := range map[string]string{
		"": "begins with /", "/": "names something", "a/b": "begins with /", "/a/": "does not end", "//a": "empty", "/a//b": "empty",
		"/a/..": "dot segments", "/./a": "dot segments", "/{a}/{a}": "twice", "/{}": "its name", "/{a b}": "its name", "/x{a}": "whole segment",
		"/{a}x": "whole segment", "/a b": "encode", "/é": "encode", "/a%20b": "encode", "/a?b": "encode", "/a#b": "encode", `/a\b`: "encode",
		"/" + strings.Repeat("a/", 30) + "b": "at most 20", "/" + strings.Repeat("a", 600): "at most 512",
	} {
		if _, err := Parse(bad); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", bad, err, why)
		}
	}
	if got := must(t, "/a/{b}/c/{d}").Params(); !slices.Equal(got, []string{"b", "d"}) {
		t.Errorf("params %q", got)
	}
}

func must(t testing.TB, text string) Template {
	t.Helper()
	p, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRelate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want Relation
	}{
		{"/a", "/b", Apart}, {"/a", "/a/b", Apart}, {"/a/{x}", "/b/{x}", Apart}, {"/a", "/a", Same}, {"/a/{x}", "/a/{x}", Same},
		{"/a/{x}", "/a/{y}", Renamed}, {"/a/{x}", "/a/b", Narrower}, {"/a/{x}/{y}", "/a/b/{z}", Narrower}, {"/{x}/b", "/a/{y}", Ambiguous},
		{"/s/{x}/b/{z}", "/s/a/{y}/{z}", Ambiguous}, {"/s/{x}/b/c", "/s/a/{y}/d", Apart},
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			if got := Relate(must(t, pair[0]), must(t, pair[1])); got != c.want {
				t.Errorf("%s and %s: %d, want %d", pair[0], pair[1], got, c.want)
			}
		}
	}
}

func TestUnder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		template, path string
		below, want    bool
	}{
		{"/v1/x", "/v1", true, true}, {"/v1", "/v1", true, true}, {"/v1x", "/v1", true, false}, {"/v2/x", "/v1", true, false},
		{"/appservices/api", "/appservices/token", false, false}, {"/appservices/{x}", "/appservices/token", false, true},
		{"/appservices/{x}/y", "/appservices/token", false, false}, {"/{x}/y", "/v1", true, true}, {"/a", "/a/b", true, false},
	} {
		if got := must(t, c.template).Under(c.path, c.below); got != c.want {
			t.Errorf("%s under %s: %v", c.template, c.path, got)
		}
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	var tree Tree[string]
	for _, at := range []string{"GET /a", "GET /a/{x}", "POST /a/{x}", "PUT /a/b", "GET /a/b/c", "GET /a/{x}/{y}", "GET /h", "HEAD /h"} {
		method, path, _ := strings.Cut(at, " ")
		tree.Add(method, must(t, path), at)
	}
	for call, want := range map[string]string{
		"GET /a": "GET /a", "GET /a/": "GET /a", "GET /a//": "", "GET a": "", "GET /": "", "GET ": "", "GET /b": "",
		"HEAD /a": "GET /a", "HEAD /h": "HEAD /h", "GET /h": "GET /h", "GET /a/1": "GET /a/{x} 1", "GET /a/1/": "GET /a/{x} 1",
		"PUT /a/b": "PUT /a/b", "GET /a/b": "GET /a/{x} b", "POST /a/b": "POST /a/{x} b", "DELETE /a/b": "",
		"GET /a/b/c": "GET /a/b/c", "GET /a/b/d": "GET /a/{x}/{y} b d", "GET /a/b/c/d": "", "GET /A": "",
	} {
		method, path, _ := strings.Cut(call, " ")
		f, ok := tree.Lookup(method, path)
		got := strings.TrimSpace(f.Value + " " + strings.Join(f.Values, " "))
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", call, got, ok, want)
		}
	}
	for path, want := range map[string]string{"/a/b": "GET,HEAD,POST,PUT", "/a/1": "GET,HEAD,POST", "/a/": "GET,HEAD", "/x": "", "/": "", "/a//": ""} {
		if got := strings.Join(tree.Methods(path), ","); got != want {
			t.Errorf("methods of %s: %s, want %s", path, got, want)
		}
	}
}

// FuzzLookup holds the tree against templates that are compared one by one.
func FuzzLookup(f *testing.F) {
	templates := []string{"/a", "/a/{x}", "/a/b", "/a/{x}/c", "/a/b/{y}", "/b/{x}/{y}/{z}"}
	var tree Tree[string]
	for _, text := range templates {
		tree.Add("GET", must(f, text), text)
	}
	for _, seed := range []string{"/a", "/a/b", "/a/b/c", "/a/x/c", "/a/b/", "/b/1/2/3", "//", "", "/a/\x00", "/b/" + strings.Repeat("x/", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		found, ok := tree.Lookup("GET", path)
		any := false
		for _, text := range templates {
			p := must(t, text)
			rest, begins := trim(path)
			if begins && p.Under("/"+rest, false) && !slices.Contains(strings.Split(rest, "/"), "") {
				any = true
			}
		}
		if ok != any {
			t.Fatalf("%q: found %v, want %v", path, ok, any)
		}
		if ok && fmt.Sprint(len(found.Values)) != fmt.Sprint(len(must(t, found.Value).Params())) {
			t.Fatalf("%q: %q has values %q", path, found.Value, found.Values)
		}
	})
}

// The cost of a lookup does not grow with the number of templates.
func BenchmarkLookup(b *testing.B) {
	for _, many := range []int{10, 10_000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			var tree Tree[int]
			for i := range many {
				tree.Add("GET", must(b, fmt.Sprintf("/api/v1/c%d/{id}/items", i)), i)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := tree.Lookup("GET", "/api/v1/c7/4711/items"); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}

package httpstep

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

func TestHTTPMethods(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Method, r.Header.Get("Idempotency-Key"))
	})
	for method, want := range map[string]struct {
		effect flows.Effect
		key    string
	}{
		"PROPFIND": {flows.Read, ""}, "QUERY": {flows.Read, ""}, "MKCOL": {flows.Idempotent, "run-1.http.0"}, "MOVE": {flows.Idempotent, "run-1.http.0"},
		"LOCK": {flows.Once, "run-1.http.0"}, "X-PURGE": {flows.Once, "run-1.http.0"}, "PATCH": {flows.Once, "run-1.http.0"},
	} {
		if got := (&step{method: method}).Effect(); got != want.effect {
			t.Errorf("%s: effect %v, want %v", method, got, want.effect)
		}
		items, err := runHTTP(t, `http: {url: "${ $vars.api }", method: `+method+`}`, server.URL, nil)
		if err != nil || items[0].(object)["body"] != method+" "+want.key {
			t.Errorf("%s: %v, %v", method, items, err)
		}
	}
}

func TestHTTPHost(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/", http.StatusFound)
			return
		}
		fmt.Fprint(w, r.Host+" "+r.Header.Get("X-Api-Key"))
	})
	own := strings.TrimPrefix(server.URL, "http://")
	env := flows.Env{HTTP: way(t), Connections: named{
		"both": keyed{map[string]bool{own: true, "tenant.example.org": true}}, "one": keyed{map[string]bool{own: true}},
	}}
	for _, test := range []struct{ http, want string }{
		{`get: "${ $vars.api }/moved", headers: {Host: tenant.example.org}`, "tenant.example.org "},
		{`get: "${ $vars.api }", headers: {host: "${ null }"}`, own + " "},
		{`get: "${ $vars.api }", headers: {host: tenant.example.org}, connection: both`, "tenant.example.org of the connection"},
		{`get: "${ $vars.api }", headers: {host: tenant.example.org}, connection: one`, `connection "one" must not be used for http://tenant.example.org: its allowed hosts`},
		{`get: "${ $vars.api }", headers: {host: [a, b]}`, "header Host is not one host"},
		{`get: "${ $vars.api }", headers: {host: "a/b c"}`, "header Host is not one host"},
		{`get: "${ $vars.api }", headers: {host: ""}`, "header Host is not one host"},
	} {
		items, err := execute(t.Context(), "http: {"+test.http+"}", server.URL, nil, env)
		got := fmt.Sprint(err)
		if err == nil {
			got, _ = items[0].(object)["body"].(string)
		}
		if !strings.Contains(got, test.want) || err == nil && got != test.want {
			t.Errorf("%s: %s, want %s", test.http, got, test.want)
		}
	}
}

// Cookies go on between redirects and pages, to their host and path only.
func TestHTTPCookies(t *testing.T) {
	t.Parallel()
	handler := func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: strings.Trim(r.URL.Path, "/"), Path: "/"})
		switch r.URL.Path {
		case "/login":
			w.Header().Add("Set-Cookie", "session=a, b; Path=/")
			w.Header().Add("Set-Cookie", "private=x; Path=/elsewhere")
			http.Redirect(w, r, "/first", http.StatusFound)
		case "/first":
			w.Header().Set("Link", "</second>; rel=next")
		}
		fmt.Fprint(w, r.Header.Get("Cookie"))
	}
	server := serve(t, handler)
	run := func(more string) []any {
		items, err := runHTTP(t, `http: {get: "${ $vars.api }/login", paginate: {next: link, items: .body}`+more+`}`, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		return items
	}
	if diff := cmp.Diff([]any{`seen=login; session="a, b"`, `seen=first; session="a, b"`}, run(", cookies: keep")); diff != "" {
		t.Errorf("cookies: keep (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]any{nil, nil}, run("")); diff != "" {
		t.Errorf("without (-want +got)\n%s", diff)
	}
	items, err := runHTTP(t, `http: {get: "${ $vars.api }/login", follow_redirects: 0, expect: [302]}`, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{"seen=login; Path=/", "session=a, b; Path=/", "private=x; Path=/elsewhere"}
	if diff := cmp.Diff(want, items[0].(object)["headers"].(object)["set-cookie"]); diff != "" {
		t.Errorf("set-cookie (-want +got)\n%s", diff)
	}
}

func TestCookiesAreBounded(t *testing.T) {
	t.Parallel()
	jar := newCookieJar()
	target := &url.URL{Scheme: "http", Host: "h", Path: "/"}
	for range 2 * maxCookies / 1000 {
		jar.SetCookies(target, []*http.Cookie{{Name: "a", Value: "b", Raw: strings.Repeat("a", 1000)}})
	}
	jar.SetCookies(target, []*http.Cookie{{Name: "late", Value: "b", Raw: "late=b"}})
	if got := len(jar.Cookies(target)); got != 1 {
		t.Errorf("%d cookies, want those before the bound", got)
	}
}

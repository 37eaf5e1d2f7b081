package httpstep

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// keyed is a connection that adds a header, for the hosts it is pinned to.
type keyed struct{ hosts map[string]bool }

func (k keyed) Allows(u *url.URL) bool { return k.hosts[u.Host] }

func (k keyed) Transport(base http.RoundTripper) http.RoundTripper {
	return sender(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("X-Api-Key", "of the connection")
		return base.RoundTrip(req)
	})
}

type sender func(*http.Request) (*http.Response, error)

func (s sender) RoundTrip(req *http.Request) (*http.Response, error) { return s(req) }

// echo responds with the request headers that the client set itself.
func echo(w http.ResponseWriter, r *http.Request) {
	var got []string
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "Idempotency-Key", "Referer", "Accept", "User-Agent"} {
		if v := r.Header.Get(name); v != "" {
			got = append(got, name+"="+v)
		}
	}
	io.WriteString(w, strings.Join(got, " "))
}

func sendWithHeaders(t *testing.T, conn flows.HTTPConnection, target string) (*httpResponse, error) {
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	call := &httpCall{method: http.MethodGet, url: u, key: "k", header: http.Header{
		"Authorization": {"Basic hunter2"}, "Cookie": {"s=hunter2"}, "X-Api-Key": {"hunter2"},
		"Accept": {"*/*"}, "User-Agent": {"Penstock/test"},
	}}
	conns := []flows.HTTPConnection{conn}
	if conn == nil {
		conns = nil
	}
	client := &http.Client{Transport: pinnedTransport{base: way(t), conns: conns}, CheckRedirect: redirects{limit: 5}.check}
	return (&step{anyOK: true, bodyFormat: bodyFormat{limit: 1 << 20}}).send(t.Context(), nil, client, call)
}

func TestCredentialsStayAtTheirOrigin(t *testing.T) {
	t.Parallel()
	other := serve(t, echo)
	var home string
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/same":
			http.Redirect(w, r, "/echo", http.StatusFound)
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "/back":
			http.Redirect(w, r, r.URL.Query().Get("via"), http.StatusFound)
		default:
			echo(w, r)
		}
	})
	home = first.URL
	back := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, home+"/echo", http.StatusFound) })

	const all = "Authorization=Basic hunter2 Cookie=s=hunter2 X-Api-Key=hunter2 Idempotency-Key=k Accept=*/* User-Agent=Penstock/test"
	const harmless = "Accept=*/* User-Agent=Penstock/test"
	for path, want := range map[string]string{
		"/echo":                            all,
		"/same":                            all,
		"/other":                           harmless,
		"/back?via=" + back.URL:            harmless,
		"/back?via=" + first.URL + "/same": all,
	} {
		answer, err := sendWithHeaders(t, nil, home+path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if diff := cmp.Diff(any(want), answer.body); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
	}
}

func TestConnectionIsPinnedAcrossRedirects(t *testing.T) {
	t.Parallel()
	other := serve(t, echo)
	first := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	host := func(s string) string { return strings.TrimPrefix(s, "http://") }

	for name, test := range map[string]struct {
		conn keyed
		want string
	}{
		"only the first": {keyed{map[string]bool{host(first.URL): true}}, "Accept=*/* User-Agent=Penstock/test"},
		"both":           {keyed{map[string]bool{host(first.URL): true, host(other.URL): true}}, "X-Api-Key=of the connection Accept=*/* User-Agent=Penstock/test"},
	} {
		answer, err := sendWithHeaders(t, test.conn, first.URL)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(any(test.want), answer.body); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestRedirectsThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	loop := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) })
	metadata := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest?token=hunter2", http.StatusFound)
	})
	nonsense := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://h:x/?token=hunter2")
		w.WriteHeader(http.StatusFound)
	})
	for target, want := range map[string]string{
		loop.URL:     "GET " + loop.URL + ": more than 5 redirects",
		metadata.URL: "GET " + metadata.URL + ": refused: 169.254.169.254 is a link-local address, which steps never reach",
		nonsense.URL: "GET " + nonsense.URL + ": status 302",
	} {
		if _, err := sendWithHeaders(t, nil, target); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	client := &http.Client{Transport: pinnedTransport{base: way(t)}, CheckRedirect: redirects{}.check}
	_, err := send(t.Context(), client, http.MethodPost, metadata.URL+"/p?q=hunter2")
	want := "POST " + metadata.URL + "/p: status 302, a redirect to http://169.254.169.254/latest that follow_redirects would follow"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Spaces and characters beyond ASCII in a Location are escaped, as browsers do.
func TestHTTPRedirectIsEscaped(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"/a b?q=c d": "/a%20b?q=c%20d", "/é?q=ü": "/%C3%A9?q=%C3%BC", "/\xe9?\xe9": "/%E9?%E9", "/a%20b?q=%C3%BC&r=<>": "/a%20b?q=%C3%BC&r=%3C%3E",
	} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				w.Header()["Location"] = []string{location}
				w.WriteHeader(http.StatusFound)
				return
			}
			io.WriteString(w, r.RequestURI)
		})
		items, err := runHTTP(t, `http: {get: "${ $vars.api }/", parse: text}`, server.URL, nil)
		if err != nil || items[0].(object)["body"] != want {
			t.Errorf("%q: %v, %v, want %s", location, items, err, want)
		}
	}
}

package api_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/api/apitest"
)

func TestCompression(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.HTTP = &http.Client{Transport: &http.Transport{DisableCompression: true}}
	p.Deploy(1, "trigger: webhook\nsteps: [{transform: .}]")
	p.Deploy(2, "trigger: {http: {get: /long, params: {n: integer}, response: one}}\nsteps: [{transform: '{text: (\"x\" * $params.n)}'}]")
	long := `{"text":"` + strings.Repeat("secret ", 300) + `"}`
	run := p.Run("ulf", 1, long)
	for name, tc := range map[string]struct {
		method, path, who, body string
		want                    bool
	}{
		"a run's output":      {"POST", "/v1/flows/1/runs", "ulf", long, true},
		"a short output":      {"POST", "/v1/flows/1/runs", "ulf", `{}`, false},
		"a run":               {"GET", "/v1/runs/" + run, "ulf", "", true},
		"a stream of events":  {"GET", "/v1/runs/" + run + "/events", "ulf", "", false},
		"an operation":        {"GET", "/long?n=2000", "ulf", "", true},
		"a short operation":   {"GET", "/long?n=10", "ulf", "", false},
		"the description":     {"GET", "/openapi.json", "ulf", "", true},
		"the reference":       {"GET", "/docs", "", "", true},
		"the text of it all":  {"GET", "/llms-full.txt", "", "", true},
		"a list of keys":      {"GET", "/v1/keys", "ann", "", false},
		"a new client":        {"POST", "/v1/clients", "ann", `{"name":"` + strings.Repeat("a", 60) + `","reminder_emails":["` + strings.Repeat("a", 60) + `@b.org"]}`, false},
		"a problem":           {"GET", "/v1/runs/absent", "ulf", "", false},
		"a token's metadata":  {"GET", "/.well-known/oauth-authorization-server", "", "", false},
		"an introspection":    {"POST", "/oauth/introspect", "", `{"token":"` + strings.Repeat("a", 2000) + `"}`, false},
		"nothing at the path": {"GET", "/nothing", "", "", false},
	} {
		plain := p.Do(tc.method, tc.path, tc.who, tc.body)
		r := p.Do(tc.method, tc.path, tc.who, tc.body, "Accept-Encoding", "br, gzip")
		if got := r.Header.Get("Content-Encoding"); (got == "gzip") != tc.want || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: Content-Encoding %q, without asking %q", name, got, plain.Header.Get("Content-Encoding"))
		}
		if tc.want && (!strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Accept-Encoding") || !strings.Contains(strings.Join(plain.Header.Values("Vary"), ","), "Accept-Encoding")) {
			t.Errorf("%s: Vary %q, without asking %q", name, r.Header.Values("Vary"), plain.Header.Values("Vary"))
		}
		if tc.want && (len(r.Text) >= len(plain.Text) || r.StatusCode != plain.StatusCode || !json.Valid([]byte(unpack(t, r.Text))) && tc.path != "/docs" && tc.path != "/llms-full.txt") {
			t.Errorf("%s: %d bytes, %d without compression", name, len(r.Text), len(plain.Text))
		}
	}
	if r := p.Do("POST", "/v1/flows/1/runs", "ulf", long, "Accept-Encoding", "gzip;q=0"); r.Header.Get("Content-Encoding") != "" {
		t.Error("compressed for a caller who refuses it")
	}
}

// One tag stands for the bytes with and without compression: it is weak for who asks for it, also in a 304.
func TestCompressionAndETag(t *testing.T) {
	t.Parallel()
	p := apitest.NewProduct(t)
	p.HTTP = &http.Client{Transport: &http.Transport{DisableCompression: true}}
	p.Deploy(2, "trigger: {http: {get: /long, response: one}}\nsteps: [{transform: '{text: (\"x\" * 3000)}'}]")
	strong := p.Do("GET", "/long", "ulf", "").Header.Get("Etag")
	r := p.Do("GET", "/long", "ulf", "", "Accept-Encoding", "gzip")
	weak := r.Header.Get("Etag")
	if !strings.HasPrefix(strong, `"`) || weak != "W/"+strong || r.Header.Get("Content-Encoding") != "gzip" || len(unpack(t, r.Text)) < 3000 {
		t.Fatalf("tags %s and %s", strong, weak)
	}
	for _, tag := range []string{strong, weak} {
		for _, coding := range []string{"gzip", "identity"} {
			r := p.Do("GET", "/long", "ulf", "", "Accept-Encoding", coding, "If-None-Match", tag)
			if want := map[string]string{"gzip": weak, "identity": strong}[coding]; r.StatusCode != 304 || r.Header.Get("Etag") != want || r.Text != "" || r.Header.Get("Content-Encoding") != "" || !strings.Contains(strings.Join(r.Header.Values("Vary"), ","), "Accept-Encoding") {
				t.Errorf("%s for %s: %d, %v", tag, coding, r.StatusCode, r.Header)
			}
		}
	}
	head := p.Do("HEAD", "/long", "ulf", "", "Accept-Encoding", "gzip")
	if head.StatusCode != 200 || head.Text != "" || head.Header.Get("Etag") != weak {
		t.Errorf("HEAD: %d %v", head.StatusCode, head.Header)
	}
}

func unpack(t *testing.T, text string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Error(err)
		return ""
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Error(err)
	}
	return string(out)
}

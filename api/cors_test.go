package api_test

import (
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
)

const app = "https://app.example.org"

func preflight(d *apitest.FakeAPI, origin string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("OPTIONS", "/v1/flows/69/runs", nil)
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", "POST")
	return d.Do(r)
}

func TestCORSIsOff(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	if w := preflight(d, app); w.Code != 405 || w.Header().Get("Access-Control-Allow-Origin") != "" || slices.Contains(w.Header().Values("Vary"), "Origin") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := d.Post("/v1/flows/69/runs", "{}", "Origin", app); w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestCORSForNamedOrigins(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t, func(c *api.Config) { c.Origins = []string{app} })
	w := preflight(d, app)
	h := w.Header()
	if w.Code != 204 || h.Get("Access-Control-Allow-Origin") != app || h.Get("Access-Control-Allow-Methods") == "" || h.Get("Access-Control-Allow-Headers") == "" ||
		!slices.Contains(h.Values("Vary"), "Origin") || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %d %v", w.Code, h)
	}
	w = d.Post("/v1/flows/69/runs", "{}", "Origin", app)
	if w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != app || w.Header().Get("Access-Control-Expose-Headers") == "" {
		t.Errorf("call: %d %v", w.Code, w.Header())
	}
	if n := len(d.Queue.Submitted()); n != 1 {
		t.Errorf("%d runs", n)
	}
	for _, origin := range []string{"https://evil.example.org", "https://app.example.org.evil.org", "http://app.example.org", "null", ""} {
		if w := preflight(d, origin); w.Code != 405 || w.Header().Get("Access-Control-Allow-Origin") != "" || !slices.Contains(w.Header().Values("Vary"), "Origin") {
			t.Errorf("%q: %d %v", origin, w.Code, w.Header())
		}
	}
}

// A page may send the header that the token of a webhook is in, whatever its name.
func TestCORSForAWebhook(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t, func(c *api.Config) { c.Origins = []string{app} })
	for path, want := range map[string]bool{"/hooks/69": true, "/hooks/none": true, "/v1/flows/69/runs": false} {
		r := httptest.NewRequest("OPTIONS", path, nil)
		r.Header.Set("Origin", app)
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "x-form-token, content-type")
		if got := d.Do(r).Header().Get("Access-Control-Allow-Headers"); (got == "x-form-token, content-type") != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestOriginsAreChecked(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"*", "app.example.org", "https://app.example.org/", "https://app.example.org/x", "ftp://x.org", "https://"} {
		config := apitest.NewFakeAPI(t).API.Config()
		config.Origins = []string{origin}
		if _, err := api.New(config); err == nil {
			t.Errorf("%q was accepted", origin)
		}
	}
}

package connect

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock/penstock/store"
)

// Members of the token's answer are the base of URLs, and headers, in every process.
func TestMembersOfTheTokenAnswer(t *testing.T) {
	t.Parallel()
	server := newTokenServer(t)
	server.answer = func(w http.ResponseWriter, _ *http.Request, _ int64) bool {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": "t0ken", "instance_url": "https://one.example.org", "tenant": map[string]any{"id": 7}, "bad": "a\nb",
		})
		return true
	}
	f := newTestFleet(t)
	p := f.newProcess()
	p.put(server.connection("oauth2_client", "base", "{instance_url}/services", "headers", "X-Tenant: t{tenant.id}"))
	for _, process := range []*testProcess{p, f.newProcess()} {
		conn, err := process.HTTP(t.Context(), "api")
		if err != nil {
			t.Fatal(err)
		}
		if base, err := conn.(*pinned).Base(t.Context()); base != "https://one.example.org/services" || err != nil {
			t.Errorf("the base is %q, %v", base, err)
		}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://one.example.org", nil)
		seen := ""
		_, _ = conn.Transport(sender(func(r *http.Request) (*http.Response, error) {
			seen = r.Header.Get("X-Tenant") + " " + r.Header.Get("Authorization")
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})).RoundTrip(req)
		if seen != "t7 Bearer t0ken" {
			t.Errorf("sent %q", seen)
		}
	}
	if n := server.asked.Load(); n != 1 {
		t.Errorf("%d requests for a token", n)
	}
	for base, want := range map[string]string{"{nothing}": "its token endpoint answered without nothing", "{bad}": "answered without bad"} {
		p.put(server.connection("oauth2_client", "base", base))
		conn, err := p.HTTP(t.Context(), "api")
		if err != nil {
			t.Fatal(err)
		}
		if base, err := conn.(*pinned).Base(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, %v, want %s", base, err, want)
		}
	}
	for _, settings := range [][]string{{"base", "services"}, {"base", "{url}/v1?a=b"}, {"base", "{url}#top"}, {"headers", "Authorization: {x}"}, {"headers", "Host: {x}"}} {
		c := server.connection("oauth2_client", settings...)
		if err := Check(nil, &store.Connection{Name: c.Name, Type: c.Type, Hosts: c.Hosts, Settings: c.Settings}); err == nil {
			t.Errorf("%q is accepted", settings)
		}
	}
}

// sender is a transport.
type sender func(*http.Request) (*http.Response, error)

func (s sender) RoundTrip(req *http.Request) (*http.Response, error) { return s(req) }

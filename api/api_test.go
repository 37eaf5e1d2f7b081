package api_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
)

func TestNewDemandsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := api.New(api.Config{}); err == nil {
		t.Error("an API without anything was made")
	}
	d := apitest.NewFakeAPI(t)
	config := d.API.Config()
	config.MaxBody = -1
	if _, err := api.New(config); err == nil {
		t.Error("a negative MaxBody was accepted")
	}
	config = d.API.Config()
	config.TrustedProxies = []string{"not an address"}
	if _, err := api.New(config); err == nil {
		t.Error("a proxy that is no address was accepted")
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	for sent, echoed := range map[string]bool{
		"abc-123_x.y:z/1+2=": true, strings.Repeat("x", 128): true,
		"": false, "a b": false, "a\"b": false, "é": false, "a\tb": false, "<script>": false, strings.Repeat("x", 129): false,
	} {
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Header.Set("X-Request-Id", sent)
		got := d.Do(r).Header().Get("X-Request-Id")
		if got == "" || (got == sent) != echoed {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	var broken error
	d := apitest.NewFakeAPI(t, func(c *api.Config) { c.Ready = func(context.Context) error { return broken } })
	status := func(path string) int { return d.Do(httptest.NewRequest("GET", path, nil)).Code }
	if alive, ready := status("/healthz"), status("/readyz"); alive != 200 || ready != 200 {
		t.Errorf("at first: alive %d, ready %d", alive, ready)
	}
	broken = down
	if alive, ready := status("/healthz"), status("/readyz"); alive != 200 || ready != 503 {
		t.Errorf("Redis away: alive %d, ready %d", alive, ready)
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503} {
		if w := d.Do(httptest.NewRequest("HEAD", path, nil)); w.Code != want {
			t.Errorf("HEAD %s: %d, want %d", path, w.Code, want)
		}
	}
	broken = nil
	d.API.Drain()
	if alive, ready := status("/healthz"), status("/readyz"); alive != 200 || ready != 503 {
		t.Errorf("draining: alive %d, ready %d", alive, ready)
	}
	if w := d.Call(apitest.Call{}); w.Code != 200 || w.Header().Get("Connection") != "close" {
		t.Errorf("a request while draining: %d %v", w.Code, w.Header())
	}
}

func TestNoRoute(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	for _, path := range []string{"/", "/apis/execute.php/", "/apis/", "/v1/runs/", "/v2", "//apis/execute.php", "/APIS/EXECUTE.PHP"} {
		w := d.Do(httptest.NewRequest("GET", path, nil))
		if w.Code == 404 {
			d.WantProblem(w, 404, "not_found", "nothing is at this path")
		} else {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
}

func TestNoMethod(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	w := d.Do(httptest.NewRequest("PUT", "/v1/flows/69/runs", nil))
	if allow := w.Header().Get("Allow"); allow != "POST" {
		t.Errorf("Allow %q", allow)
	}
	d.WantProblem(w, 405, "method_not_allowed", "POST")
}

func TestProxiesAreNotTrusted(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		proxies []string
		want    string
	}{
		{nil, "192.0.2.1"},
		{[]string{"192.0.2.0/24"}, "203.0.113.7"},
	} {
		d := apitest.NewFakeAPI(t, func(c *api.Config) { c.TrustedProxies = tc.proxies })
		r := httptest.NewRequest("GET", "/healthz", nil) // from 192.0.2.1
		r.Header.Set("X-Forwarded-For", "203.0.113.7")
		d.Do(r)
		if got := d.Line()["ip"]; got != tc.want {
			t.Errorf("trusting %v: ip %v, want %s", tc.proxies, got, tc.want)
		}
	}
}

// The log line of a request for a flow, or for one of its runs, has the number of the flow, for every caller and
// response.
func TestLogLinesNameTheFlow(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	for target, flow := range map[string]any{
		"/v1/flows/upsert/runs": 69.0, "/v1/flows/71/runs": 71.0, "/v1/flows/nosuch/runs": nil, "/healthz": nil,
	} {
		d.Do(httptest.NewRequest("POST", target, nil)) // without credentials
		if got := d.Line(); got["flow"] != flow {
			t.Errorf("%s: flow %v, want %v", target, got["flow"], flow)
		}
	}
}

func TestLogLine(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Do(httptest.NewRequest("GET", "/healthz", nil))
	if got := d.Line(); got["level"] != "DEBUG" || got["route"] != "/healthz" {
		t.Errorf("a probe's line %v", got)
	}
	d.Sent = append(d.Sent, "a body marker", "1795280000", "no such parameters")
	w := d.Call(apitest.Call{Body: `{"x":"a body marker"}`})
	id := w.Header().Get("X-Request-Id")
	got := d.Line()
	delete(got, "time")
	want := map[string]any{
		"level": "INFO", "msg": "request", "request_id": id, "method": "POST", "route": "/apis/execute.php", "status": 200.0,
		"bytes_in": 21.0, "bytes_out": float64(w.Body.Len()), "duration_ms": 0.0, "flow": 69.0, "ip": "192.0.2.1", "principal": "key:crm", "run_id": apitest.RunID(0), "attached": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	d.Call(apitest.Call{Params: map[string]string{"foo": "a body marker"}})
	if got := d.Line(); got["fault"] != "undeclared_parameters" || got["status"] != 400.0 || got["flow"] != 69.0 {
		t.Errorf("line %v", got)
	}
	d.Call(apitest.Call{Body: `{"a body marker":1,"a body marker":2}`})
	if got := d.Line(); got["fault"] != "bad_json" {
		t.Errorf("line %v", got)
	}
}

func TestLogNeverNamesANamelessKey(t *testing.T) {
	t.Parallel()
	d := apitest.NewFakeAPI(t)
	d.Keys[apitest.KeyID].Name = ""
	d.Call(apitest.Call{})
	if p, _ := d.Line()["principal"].(string); !strings.HasPrefix(p, "key:#") || len(p) != len("key:#12345678") {
		t.Errorf("principal %q, want a short hash", p)
	}
}

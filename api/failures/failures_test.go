package failures_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/testenv"
)

const flowFails = "steps:\n  - name: refuse\n    fail: {code: no_stock, message: 'article ${ .n } is sold out'}"

// newProduct returns a product in which two runs of flow 1 and one of flow 2 have failed.
func newProduct(t *testing.T) (p *apitest.Product, failures []any) {
	t.Helper()
	p = apitest.NewProduct(t)
	p.Deploy(1, flowFails)
	p.Deploy(2, flowFails)
	for i, flow := range []int{1, 1, 2} {
		p.Want(p.Do("POST", fmt.Sprintf("/v1/flows/%d/runs", flow), "ann", fmt.Sprintf(`{"n": %d}`, i)), 422)
	}
	testenv.Eventually(t, func() string {
		failures = list(p, "vera", "count gt 0")
		if n := len(failures); n != 2 || member(failures[0], "count").(float64)+member(failures[1], "count").(float64) != 3 {
			return fmt.Sprint("failures: ", failures)
		}
		return ""
	})
	return p, failures
}

func list(p *apitest.Product, who, filter string) []any {
	p.T.Helper()
	return p.Want(p.Do("GET", "/v1/failures?order_by=flow&filter="+url.QueryEscape(filter), who, ""), 200)["items"].([]any)
}

func member(v any, name string) any { return v.(map[string]any)[name] }

func TestFailuresAreListed(t *testing.T) {
	t.Parallel()
	p, all := newProduct(t)
	first := all[0]
	for name, want := range map[string]any{"flow": 1.0, "step": "refuse", "code": "no_stock", "message": "article N is sold out", "state": "open", "count": 2.0, "last_hour": 2.0} {
		if got := member(first, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, run := range member(first, "runs").([]any) {
		if r := p.Want(p.Do("GET", "/v1/runs/"+run.(string), "vera", ""), 200); r["state"] != "failed" {
			t.Errorf("run %s: %v", run, r)
		}
	}
	if got := list(p, "vera", `count gt 1 and state eq "open"`); len(got) != 1 || member(got[0], "id") != member(first, "id") {
		t.Errorf("filtered: %v", got)
	}
	p.Want(p.Do("GET", "/v1/failures?filter=state+eq+1", "vera", ""), 400)
	if got := p.Want(p.Do("GET", "/v1/failures/"+member(first, "id").(string), "vera", ""), 200); fmt.Sprint(got) != fmt.Sprint(first) {
		t.Errorf("alone: %v, want %v", got, first)
	}
}

func TestFailuresAreForTheStaff(t *testing.T) {
	t.Parallel()
	p, all := newProduct(t)
	path := "/v1/failures/" + member(all[0], "id").(string)
	for _, c := range []struct {
		who               string
		list, read, write int
	}{{"", 401, 401, 401}, {"key-one", 200, 404, 403}, {"ulf", 200, 404, 403}, {"vera", 200, 200, 403}, {"otto", 200, 200, 200}} {
		got := p.Do("GET", "/v1/failures", c.who, "")
		if got.StatusCode != c.list {
			t.Errorf("%s lists: %d", c.who, got.StatusCode)
		}
		if seen := 2; c.list == 200 {
			if c.read == 404 {
				seen = 0
			}
			if n := len(p.Want(got, 200)["items"].([]any)); n != seen {
				t.Errorf("%s sees %d failures", c.who, n)
			}
		}
		if got := p.Do("GET", path, c.who, ""); got.StatusCode != c.read {
			t.Errorf("%s reads: %d", c.who, got.StatusCode)
		}
		if got := p.Do("PATCH", path, c.who, `{"state": "resolved"}`); got.StatusCode != c.write {
			t.Errorf("%s resolves: %d", c.who, got.StatusCode)
		}
	}
}

func TestAFailureIsResolvedAndComesBack(t *testing.T) {
	t.Parallel()
	p, all := newProduct(t)
	path := "/v1/failures/" + member(all[0], "id").(string)
	patch := func(body string, status int) map[string]any {
		t.Helper()
		return p.Want(p.Do("PATCH", path, "otto", body), status)
	}
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	if got := patch(`{"state": "muted", "muted_until": "`+until+`"}`, 200); got["state"] != "muted" || got["muted_until"] != until {
		t.Errorf("muted: %v", got)
	}
	for _, wrong := range []string{``, `{"state": "gone"}`, `{"state": "muted"}`, `{"state": "muted", "muted_until": "2020-01-01T00:00:00Z"}`, `{"state": "open", "muted_until": "` + until + `"}`, `{"until": 1}`} {
		patch(wrong, 400)
	}
	if got := patch(`{"state": "resolved"}`, 200); got["state"] != "resolved" || got["muted_until"] != nil {
		t.Errorf("resolved: %v", got)
	}
	p.Do("POST", "/v1/flows/1/runs", "ann", `{"n": 9}`)
	testenv.Eventually(t, func() string {
		if got := p.Want(p.Do("GET", path, "otto", ""), 200); got["state"] != "open" || got["came_back_at"] == nil || got["count"] != 3.0 {
			return fmt.Sprint("it is ", got)
		}
		return ""
	})
	for _, none := range []string{"1-0123456789abcdef", "1", "x"} {
		p.Want(p.Do("GET", "/v1/failures/"+none, "ann", ""), 404)
		p.Want(p.Do("PATCH", "/v1/failures/"+none, "ann", `{"state": "open"}`), 404)
	}
}

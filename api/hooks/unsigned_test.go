package hooks_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/rejectlog"
)

// quotas is a limiter that allows a number of requests at each route.
type quotas struct {
	mu    sync.Mutex
	most  int
	taken map[string]int // guarded by mu
	rates map[string]string
}

func (q *quotas) Take(_ context.Context, u limits.Use) (limits.Quota, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !strings.HasPrefix(u.Route, "unsigned ") {
		return limits.Quota{}, nil
	}
	q.taken[u.Route]++
	q.rates[u.Route] = u.Rate + " " + u.IP
	quota := limits.Quota{Rate: limits.Rate{Limit: q.most, Window: time.Minute}}
	if q.taken[u.Route] > q.most {
		quota.Wait = time.Second
	}
	return quota, nil
}

// rejections keeps the rejected requests.
type rejections struct {
	mu  sync.Mutex
	all []rejectlog.Rejection // guarded by mu
}

func (r *rejections) Add(one rejectlog.Rejection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

func (r *rejections) codes() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, one := range r.all {
		all = append(all, one.Flow+" "+one.Code)
	}
	return strings.Join(all, ", ")
}

const page = "https://www.example.org"

func unsignedProduct(t *testing.T, q *quotas) (*apitest.Product, *rejections) {
	t.Helper()
	log := &rejections{}
	p := apitest.NewProduct(t, func(c *api.Config) { c.Limiter, c.RejectLog = q, log })
	p.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	p.Deploy(1, "slug: form\ntrigger: {webhook: {verify: {scheme: none, origins: ['"+page+"'], limit: 7/m, max_body: 300, honeypot: website, honeypot_location: '"+page+"/thanks'}}}\n"+
		"steps: [{respond: {status: 303, headers: {Location: '"+page+"/thanks'}, text: thanks}}]")
	p.Deploy(2, "slug: open\ntrigger: {webhook: {verify: none}}\nsteps: [{transform: '{got: .}'}]")
	p.Deploy(3, "slug: tokened\ntrigger: {webhook: {verify: {scheme: token, secret: hook, header: X-Form-Token, origins: ['"+page+"']}}}\nsteps: [{transform: '{got: .}'}]")
	p.Deploy(4, "slug: api-only\ntrigger: webhook\nsteps: [{transform: '{got: .}'}]")
	p.Secret("hook", "s3")
	return p, log
}

// form sends a form as a browser does.
func form(p *apitest.Product, path string, fields url.Values, header ...string) apitest.Reply {
	return p.Do("POST", path, "", fields.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Mode", "navigate"}, header...)...)
}

func TestUnsignedForm(t *testing.T) {
	t.Parallel()
	q := &quotas{most: 100, taken: map[string]int{}, rates: map[string]string{}}
	p, log := unsignedProduct(t, q)
	fields := url.Values{"email": {"a@b.org"}, "website": {""}}
	spam := url.Values{"email": {"a@b.org"}, "website": {"https://spam.example"}}
	for name, tc := range map[string]struct {
		fields url.Values
		header []string
		status int
		run    bool
	}{
		"from the page":                    {fields, []string{"Origin", page}, 303, true},
		"without Origin, with a Referer":   {fields, []string{"Referer", page + "/contact?a=b"}, 303, true},
		"no browser":                       {fields, nil, 303, true},
		"from another page":                {fields, []string{"Origin", "https://evil.example"}, 403, false},
		"from another port":                {fields, []string{"Origin", page + ":8443"}, 403, false},
		"from a page that hides itself":    {fields, []string{"Origin", "null"}, 403, false},
		"with the Referer of another page": {fields, []string{"Referer", "https://evil.example/?" + page}, 403, false},
		"with a Referer that is no URL":    {fields, []string{"Referer", "::"}, 403, false},
		"a page that lies with Referer":    {fields, []string{"Origin", "https://evil.example", "Referer", page}, 403, false},
		"a program that fills every field": {spam, []string{"Origin", page}, 303, false},
		"a body that may become large":     {fields, []string{"Content-Encoding", "gzip"}, 415, false},
		"a body that is too large":         {url.Values{"message": {strings.Repeat("x", 300)}}, nil, 413, false},
	} {
		r := form(p, "/hooks/form", tc.fields, tc.header...)
		if r.StatusCode != tc.status || (r.Header.Get("Penstock-Run-Id") != "") != tc.run {
			t.Errorf("%s: %d, run %q: %s", name, r.StatusCode, r.Header.Get("Penstock-Run-Id"), r.Text)
		}
		if tc.status == 303 && r.Header.Get("Location") != page+"/thanks" {
			t.Errorf("%s: Location %q", name, r.Header.Get("Location"))
		}
		if origin := r.Header.Get("Access-Control-Allow-Origin"); (origin == page) != (len(tc.header) > 0 && tc.header[0] == "Origin" && tc.status == 303) || origin != "" && origin != page {
			t.Errorf("%s: Access-Control-Allow-Origin %q", name, origin)
		}
		if !slices.Contains(r.Header.Values("Vary"), "Origin") {
			t.Errorf("%s: Vary %q", name, r.Header.Values("Vary"))
		}
	}
	if got := log.codes(); strings.Count(got, "form origin_not_allowed") != 6 || strings.Count(got, "form honeypot") != 1 || strings.Count(got, "form too_large") != 1 {
		t.Errorf("rejections %s", got)
	}
	if q.rates["unsigned 1"] != "7/m 127.0.0.1" {
		t.Errorf("rates %v", q.rates)
	}
}

// A webhook with verify: none takes JSON as well and has a limit of its own; one without verify refuses every request.
func TestUnsignedIsSaidAloud(t *testing.T) {
	t.Parallel()
	q := &quotas{most: 2, taken: map[string]int{}, rates: map[string]string{}}
	p, log := unsignedProduct(t, q)
	for _, want := range []int{200, 200, 429} {
		r := p.Do("POST", "/hooks/open", "", `{"a":1}`, "Origin", "https://anywhere.example")
		if r.StatusCode != want || want == 200 && !strings.Contains(r.Text, `[{"got":{"a":1}}]`) || want == 429 && r.Header.Get("Retry-After") == "" {
			t.Errorf("%d, want %d: %s", r.StatusCode, want, r.Text)
		}
		if r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("a page may read the answer")
		}
	}
	if q.rates["unsigned 2"] != "10/m 127.0.0.1" || log.codes() != "open too_many_requests" {
		t.Errorf("rates %v, rejections %s", q.rates, log.codes())
	}
	p.Want(p.Do("POST", "/hooks/api-only", "", `{}`), 401)
	p.Want(p.Do("GET", "/hooks/open?hub.mode=subscribe&hub.verify_token=x&hub.challenge=y", "", ""), 401)
}

// The preflight of a browser is answered with the headers of CORS for the origins of the flow only.
func TestPreflight(t *testing.T) {
	t.Parallel()
	p, _ := unsignedProduct(t, &quotas{most: 100, taken: map[string]int{}, rates: map[string]string{}})
	for _, tc := range []struct{ path, origin, headers string }{
		{"/hooks/form", page, "Content-Type, X-Request-Id"},
		{"/hooks/tokened", page, "Content-Type, X-Request-Id, X-Form-Token"},
		{"/hooks/tokened", "https://evil.example", ""},
		{"/hooks/tokened", "null", ""},
		{"/hooks/tokened", "", ""},
		{"/hooks/open", page, ""},
		{"/hooks/api-only", page, ""},
		{"/hooks/absent", page, ""},
	} {
		header := []string{"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-form-token"}
		if tc.origin != "" {
			header = append(header, "Origin", tc.origin)
		}
		r := p.Do("OPTIONS", tc.path, "", "", header...)
		allowed := ""
		if tc.headers != "" {
			allowed = tc.origin
		}
		if r.StatusCode != 204 || r.Header.Get("Access-Control-Allow-Headers") != tc.headers || r.Header.Get("Access-Control-Allow-Origin") != allowed || r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%+v: %d %v", tc, r.StatusCode, r.Header)
		}
	}
	r := p.Do("POST", "/hooks/tokened", "", `{"a":1}`, "Origin", page, "X-Form-Token", "s3")
	if r.StatusCode != 200 || r.Header.Get("Access-Control-Allow-Origin") != page {
		t.Errorf("a token: %d %v", r.StatusCode, r.Header)
	}
	p.Want(p.Do("POST", "/hooks/tokened", "", `{"a":1}`, "Origin", page, "X-Form-Token", "wrong"), 401)
	p.Want(p.Do("POST", "/hooks/tokened", "", `{"a":1}`, "Origin", "https://evil.example", "X-Form-Token", "s3"), 403)
}

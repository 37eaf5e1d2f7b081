package resources_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/testenv"
)

// limited starts a product with limits.
func limited(t *testing.T, address, credential string) *apitest.Product {
	t.Helper()
	config := limits.Config{Redis: testenv.Redis(t).Client()}
	for rates, text := range map[*limits.Rates]string{&config.IP: address, &config.Credential: credential} {
		apitest.Fatal(t, rates.Set(text))
	}
	limiter, err := limits.New(config)
	apitest.Fatal(t, err)
	p := apitest.NewProduct(t, func(c *api.Config) { c.Limiter = limiter })
	p.Deploy(1, trigger("- get: /people/{id}\n- post: /people", echo))
	p.Deploy(2, trigger("get: /feeds", echo))
	return p
}

// wantLimited checks that a request is answered with 429, and when it may be repeated.
func wantLimited(t *testing.T, what string, r apitest.Reply, window time.Duration) {
	t.Helper()
	after, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if r.StatusCode != 429 || err != nil || after < 1 || after > int(window.Seconds()) || r.Text != "" && !strings.Contains(r.Text, `"code":"too_many_requests"`) {
		t.Errorf("%s: %d, Retry-After %q, %s", what, r.StatusCode, r.Header.Get("Retry-After"), r.Text)
	}
	if r.Header.Get("Penstock-Run-Id") != "" {
		t.Errorf("%s: a run was made", what)
	}
}

func wantRun(t *testing.T, r apitest.Reply) {
	t.Helper()
	if r.StatusCode != 200 {
		t.Errorf("%d %s", r.StatusCode, r.Text)
	}
}

func TestTooManyRequestsOfAnAddress(t *testing.T) {
	t.Parallel()
	p := limited(t, "default=off,GET /people/{id}=2/h,runs:2=1/h", "default=off")
	wantRun(t, p.Do("GET", "/people/1", "ulf", ""))
	wrong := p.Do("GET", "/people/2", "", "")
	if wrong.StatusCode != 401 || !strings.HasPrefix(wrong.Header.Get("RateLimit"), `"address";r=0;`) {
		t.Errorf("a caller without credentials is counted too: %d %v", wrong.StatusCode, wrong.Header)
	}
	wantLimited(t, "the third at one path", p.Do("GET", "/people/3", "ulf", ""), time.Hour)
	wantLimited(t, "a HEAD", p.Do("HEAD", "/people/3", "ulf", ""), time.Hour)
	wantRun(t, p.Do("POST", "/people", "ulf", "{}"))
	wantRun(t, p.Do("GET", "/feeds", "ulf", ""))
	wantLimited(t, "the second of one flow", p.Do("GET", "/feeds", "ulf", ""), time.Hour)
	wantLimited(t, "the same flow by its number", p.Do("POST", "/v1/flows/2/runs", "ulf", "{}"), time.Hour)
	wantRun(t, p.Do("POST", "/v1/flows/1/runs", "ulf", `{"operation":"post"}`))
}

func TestTooManyRequestsOfACredential(t *testing.T) {
	t.Parallel()
	p := limited(t, "default=off", "runs:2=1/m")
	wantRun(t, p.Do("GET", "/feeds", "ulf", ""))
	wantLimited(t, "the second of one flow", p.Do("GET", "/feeds", "ulf", ""), time.Minute)
	wantLimited(t, "the same flow by its number", p.Do("POST", "/v1/flows/2/runs", "ulf", "{}"), time.Minute)
	wantRun(t, p.Do("GET", "/feeds", "key-one", ""))
	wantRun(t, p.Do("GET", "/people/1", "ulf", ""))
}

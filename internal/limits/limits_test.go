package limits

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// clocked is a Redis whose clock stands still until it is moved.
func clocked(t *testing.T) (*redis.Client, func(time.Duration)) {
	t.Helper()
	server := miniredis.RunT(t)
	now := time.Unix(1795280000, 0)
	server.SetTime(now)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	return client, func(d time.Duration) {
		now = now.Add(d)
		server.SetTime(now)
		server.FastForward(d)
	}
}

func limiter(t *testing.T, client redis.UniversalClient, ip, credential string) *Limiter {
	t.Helper()
	config := Config{Redis: client}
	if err := config.IP.Set(ip); err != nil {
		t.Fatal(err)
	}
	if err := config.Credential.Set(credential); err != nil {
		t.Fatal(err)
	}
	l, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func take(t *testing.T, l *Limiter, u Use) Quota {
	t.Helper()
	q, err := l.Take(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestWindowIsStrict(t *testing.T) {
	t.Parallel()
	client, pass := clocked(t)
	l := limiter(t, client, "default=3/s", "default=off")
	use := Use{Endpoint: "token", IP: "192.0.2.1"}
	want := func(when string, remaining int, reset, wait time.Duration) {
		t.Helper()
		if q := take(t, l, use); q.Remaining != remaining || q.Reset != reset || q.Wait != wait || q.Limit != 3 {
			t.Errorf("%s: %+v, want %d remaining, reset %v, wait %v", when, q, remaining, reset, wait)
		}
	}
	want("first", 2, time.Second, 0)
	pass(600 * time.Millisecond)
	want("second", 1, 400*time.Millisecond, 0)
	want("third", 0, 400*time.Millisecond, 0)
	want("fourth", 0, 400*time.Millisecond, 400*time.Millisecond)
	pass(399 * time.Millisecond)
	want("a moment too early", 0, time.Millisecond, time.Millisecond)
	pass(time.Millisecond)
	want("when the first is a second old", 0, 600*time.Millisecond, 0)
	want("at once again: a fixed window would allow it", 0, 600*time.Millisecond, 600*time.Millisecond)
	pass(600 * time.Millisecond)
	want("when two more are", 1, 400*time.Millisecond, 0)
	pass(time.Hour)
	want("much later", 2, time.Second, 0)
}

func TestWindowsAreApart(t *testing.T) {
	t.Parallel()
	client, _ := clocked(t)
	l := limiter(t, client, "default=1/s,hooks=off", "default=1/m")
	for _, u := range []Use{
		{Endpoint: "token", IP: "192.0.2.1"},
		{Endpoint: "token", IP: "192.0.2.2"},
		{Endpoint: "runs", IP: "192.0.2.1"},
		{Endpoint: "token", IP: "2001:db8:0:1::1"},
		{Endpoint: "token", IP: "2001:db8:0:2::1"},
		{Endpoint: "runs", Caller: "key:a"},
		{Endpoint: "runs", Caller: "key:b"},
	} {
		if q := take(t, l, u); q.Wait != 0 {
			t.Errorf("first of %+v: %+v", u, q)
		}
	}
	for _, u := range []Use{
		{Endpoint: "token", IP: "192.0.2.1"},
		{Endpoint: "token", IP: "::ffff:192.0.2.1"},
		{Endpoint: "token", IP: "2001:db8:0:1:ffff::2"}, // the same /64
		{Endpoint: "runs", Caller: "key:a"},
	} {
		if q := take(t, l, u); q.Wait == 0 {
			t.Errorf("second of %+v was let through", u)
		}
	}
	for range 3 {
		if q := take(t, l, Use{Endpoint: "hooks", IP: "192.0.2.1"}); q != (Quota{}) {
			t.Errorf("an endpoint without a limit: %+v", q)
		}
		if q := take(t, l, Use{Endpoint: "runs", Caller: "key:c", Rate: "off"}); q != (Quota{}) {
			t.Errorf("a caller without a limit: %+v", q)
		}
	}
	if q := take(t, l, Use{Endpoint: "runs", Caller: "key:a", Rate: "5/h"}); q.Limit != 5 {
		t.Errorf("a caller with a limit of its own: %+v", q)
	}
}

func TestManyAtOnceGetTheLimit(t *testing.T) {
	t.Parallel()
	l := limiter(t, testenv.Redis(t).Client(), "default=20/m", "default=off")
	var through atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if q, err := l.Take(context.Background(), Use{Endpoint: "token", IP: "192.0.2.1"}); err == nil && q.Wait == 0 {
				through.Add(1)
			}
		})
	}
	all.Wait()
	if through.Load() != 20 {
		t.Errorf("%d got through, want 20", through.Load())
	}
}

func TestKeysHoldNothingThatWasSent(t *testing.T) {
	t.Parallel()
	client, _ := clocked(t)
	l, a := limiter(t, client, "default=1/s", "default=1/s"), attempts(t, client)
	record(t, a, "hunter2-as-a-name", "192.0.2.1", false)
	record(t, a, "hunter2-as-a-name", "192.0.2.1", true)
	take(t, l, Use{Endpoint: "runs", Caller: "hunter2-as-a-name"})
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 6 { // a window; pair, network, name, networks, and how many were made
		t.Fatalf("keys %v, %v", keys, err)
	}
	for _, key := range keys {
		if strings.Contains(key, "hunter2") || strings.Contains(key, "192.0.2") {
			t.Errorf("key %s", key)
		}
	}
}

// An override has a window of its own; a rate of the credential comes before it.
func TestOverridesAreCountedApart(t *testing.T) {
	t.Parallel()
	client, _ := clocked(t)
	l := limiter(t, client, "default=3/s,runs:69=1/s,GET /people=2/s", "default=off,runs:69=1/s")
	flow := Use{Endpoint: "runs", IP: "192.0.2.1", Flow: 69}
	for i, tc := range []struct {
		use   Use
		limit int
		wait  bool
	}{
		{flow, 1, false},
		{flow, 1, true},
		{Use{Endpoint: "runs", IP: "192.0.2.2", Flow: 69}, 1, false},
		{Use{Endpoint: "runs", IP: "192.0.2.1", Flow: 70}, 3, false},
		{Use{Endpoint: "runs", IP: "192.0.2.1", Flow: 69, Route: "GET /people", Method: "GET", Path: "/people"}, 2, false},
		{Use{Endpoint: "runs", IP: "192.0.2.1", Flow: 69, Route: "HEAD /people", Method: "HEAD", Path: "/people"}, 2, false},
		{Use{Endpoint: "runs", IP: "192.0.2.1", Flow: 69, Route: "GET /people", Method: "GET", Path: "/people"}, 2, true},
		{Use{Endpoint: "runs", Caller: "key:a", Flow: 69}, 1, false},
		{Use{Endpoint: "runs", Caller: "key:a", Flow: 69}, 1, true},
		{Use{Endpoint: "runs", Caller: "key:a", Flow: 69, Rate: "5/s"}, 5, false},
		{Use{Endpoint: "runs", Caller: "key:a", Flow: 70}, 0, false},
	} {
		if q := take(t, l, tc.use); q.Limit != tc.limit || (q.Wait > 0) != tc.wait {
			t.Errorf("%d, %+v: %+v", i, tc.use, q)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	var r Rates
	if err := r.Set("default=off, token=10/s"); err != nil {
		t.Fatal(err)
	}
	if err := r.Set("runs=600/m,token=5/s"); err != nil {
		t.Fatal(err)
	}
	if got := r.String(); got != "default=off,token=5/s,runs=600/m" {
		t.Errorf("rates %s", got)
	}
	if r.Of("hooks").Limit != 0 || r.Of("runs") != (Rate{600, time.Minute}) {
		t.Errorf("hooks %v, runs %v", r.Of("hooks"), r.Of("runs"))
	}
	if err := r.Set("GET /people/{id}=10/s, runs:69=5/s,hooks:7=off"); err != nil {
		t.Fatal(err)
	}
	if got, want := r.String(), "default=off,token=5/s,runs=600/m,GET /people/{id}=10/s,hooks:7=off,runs:69=5/s"; got != want {
		t.Errorf("rates %s, want %s", got, want)
	}
	var again Rates
	if err := again.Set(r.String()); err != nil || again.String() != r.String() {
		t.Errorf("read again: %s, %v", again, err)
	}
	for _, tc := range []struct {
		use  Use
		want string
	}{
		{Use{Endpoint: "runs", Flow: 69, Method: "POST", Path: "/v1/flows/:flow/runs"}, "5/s runs:69"},
		{Use{Endpoint: "runs", Flow: 70, Method: "POST", Path: "/v1/flows/:flow/runs"}, "600/m "},
		{Use{Endpoint: "runs", Flow: 69, Method: "GET", Path: "/people/{id}"}, "10/s GET /people/{id}"},
		{Use{Endpoint: "runs", Flow: 69, Method: "HEAD", Path: "/people/:name"}, "10/s GET /people/{id}"},
		{Use{Endpoint: "runs", Flow: 69, Method: "PUT", Path: "/people/{id}"}, "5/s runs:69"},
		{Use{Endpoint: "runs", Method: "GET", Path: "/people/{id}/x"}, "600/m "},
		{Use{Endpoint: "runs", Method: "GET", Path: "/people/all"}, "600/m "},
		{Use{Endpoint: "hooks", Flow: 7}, "off hooks:7"},
		{Use{Endpoint: "api", Flow: 69}, "off "},
	} {
		if rate, name := r.of(&tc.use); rate.String()+" "+name != tc.want {
			t.Errorf("%+v: %s %s, want %s", tc.use, rate, name, tc.want)
		}
	}
	before := r.String()
	for _, bad := range []string{"", "token", "runs:=1/s", "runs:0=1/s", "runs:069=1/s", "runs:x=1/s", "token:69=1/s", "GET=1/s", "GET people=1/s", "get /people=1/s", "GET /a?b=1/s", "GET /a b=1/s", "token=", "token=0/s", "token=-1/s", "token=10", "token=10/d", "token=10001/s", "tokens=1/s", "x=1/s"} {
		if err := r.Set(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if r.String() != before {
		t.Errorf("a bad setting changed the rates to %s", r)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a limiter without Redis was made")
	}
}

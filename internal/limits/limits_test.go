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

	"penstock/internal/testenv"
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

func delay(t *testing.T, b *Backoff, name, ip string) Delay {
	t.Helper()
	d, err := b.Delay(t.Context(), name, ip)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func fail(t *testing.T, b *Backoff, name, ip string) {
	t.Helper()
	if err := b.Fail(t.Context(), name, ip); err != nil {
		t.Fatal(err)
	}
}

func TestBackoffOfAName(t *testing.T) {
	t.Parallel()
	client, pass := clocked(t)
	b := NewBackoff(client)
	for range perBoth.free {
		fail(t, b, "ann", "192.0.2.1")
	}
	if d := delay(t, b, "ann", "192.0.2.1"); d != (Delay{}) {
		t.Errorf("after the free ones %+v", d)
	}
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		fail(t, b, "ann", "192.0.2.1")
		if d := delay(t, b, "ann", "192.0.2.1"); d.Name != want {
			t.Errorf("delay %+v, want %v", d, want)
		}
	}
	if d := delay(t, b, "ann", "192.0.2.2"); d != (Delay{}) {
		t.Errorf("from elsewhere %+v", d)
	}
	pass(4 * time.Second)
	if d := delay(t, b, "ann", "192.0.2.1"); d != (Delay{}) {
		t.Errorf("after the wait %+v", d)
	}
	for range 15 {
		fail(t, b, "ann", "192.0.2.1")
	}
	if d := delay(t, b, "ann", "192.0.2.1"); d.Name != perBoth.longest {
		t.Errorf("longest delay %+v", d)
	}
	if err := b.Succeed(t.Context(), "ann", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	if d := delay(t, b, "ann", "192.0.2.1"); d.Name != 0 {
		t.Errorf("after a success %+v", d)
	}
}

func TestBackoffNeverLocksOut(t *testing.T) {
	t.Parallel()
	client, pass := clocked(t)
	b := NewBackoff(client)
	for i := range 500 { // from as many places
		fail(t, b, "ann", "2001:db8:0:"+strings.Repeat("f", i%3+1)+string(rune('a'+i%6))+"::1")
	}
	if d := delay(t, b, "ann", "192.0.2.77"); d.Name > 15*time.Second || d.Name == 0 || d.Address != 0 {
		t.Errorf("the owner, at home: %+v", d)
	}
	for range 1000 {
		fail(t, b, "bob", "192.0.2.1")
	}
	if d := delay(t, b, "bob", "192.0.2.1"); d.Longest() > 5*time.Minute {
		t.Errorf("longest delay %+v", d)
	}
	pass(forget)
	if d := delay(t, b, "bob", "192.0.2.1"); d != (Delay{}) {
		t.Errorf("when all is forgotten: %+v", d)
	}
}

func TestBackoffOfAnAddress(t *testing.T) {
	t.Parallel()
	client, _ := clocked(t)
	b := NewBackoff(client)
	for i := range perAddress.free + 1 {
		fail(t, b, "name"+string(rune('A'+i)), "2001:db8::1")
	}
	if d := delay(t, b, "ann", "2001:db8::2"); d.Address != time.Second || d.Name != 0 {
		t.Errorf("another name, from the same /64: %+v", d)
	}
	if err := b.Succeed(t.Context(), "ann", "2001:db8::1"); err != nil {
		t.Fatal(err)
	}
	if d := delay(t, b, "ann", "2001:db8::1"); d.Address == 0 {
		t.Error("one right password made up for all wrong ones")
	}
}

func TestKeysHoldNothingThatWasSent(t *testing.T) {
	t.Parallel()
	client, _ := clocked(t)
	l, b := limiter(t, client, "default=1/s", "default=1/s"), NewBackoff(client)
	fail(t, b, "hunter2-as-a-name", "192.0.2.1")
	take(t, l, Use{Endpoint: "runs", Caller: "hunter2-as-a-name"})
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 4 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	for _, key := range keys {
		if strings.Contains(key, "hunter2") {
			t.Errorf("key %s", key)
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
	for _, bad := range []string{"", "token", "token=", "token=0/s", "token=-1/s", "token=10", "token=10/d", "token=10001/s", "tokens=1/s", "x=1/s"} {
		if err := r.Set(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if r.String() != "default=off,token=5/s,runs=600/m" {
		t.Errorf("a bad setting changed the rates to %s", r)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a limiter without Redis was made")
	}
}

func TestALocalBackoffReachesNobodyElsewhere(t *testing.T) {
	t.Parallel()
	client, _ := clocked(t)
	b := NewLocalBackoff(client)
	for i := range 100 {
		fail(t, b, "key:k", "203.0.113."+string(rune('0'+i%10)))
	}
	if d := delay(t, b, "key:k", "192.0.2.1"); d != (Delay{}) {
		t.Errorf("from elsewhere %+v", d)
	}
	if d := delay(t, b, "key:k", "203.0.113.1"); d.Name == 0 {
		t.Errorf("where it was attacked from %+v", d)
	}
}

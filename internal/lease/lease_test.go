package lease_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/lease"
)

func TestLease(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	a := lease.Lease{Redis: client, Key: "lease", Holder: "a", TTL: 3 * time.Second}
	b := a
	b.Holder = "b"
	takes := func(l lease.Lease, want bool, when string) {
		t.Helper()
		if got, err := l.Take(t.Context()); got != want || err != nil {
			t.Errorf("%s takes it %s: %v, %v", l.Holder, when, got, err)
		}
	}
	takes(a, true, "first")
	takes(b, false, "while a has it")
	server.FastForward(2 * time.Second)
	takes(a, true, "again")
	server.FastForward(2 * time.Second)
	takes(b, false, "while a has renewed it")
	b.Release(t.Context())
	takes(b, false, "after a release that was not its own")
	a.Release(t.Context())
	takes(b, true, "after a's release")
	server.FastForward(3 * time.Second)
	takes(a, true, "after the end of b's")
}

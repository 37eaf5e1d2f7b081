package store

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestCanaryTakes(t *testing.T) {
	t.Parallel()
	taken := map[int]map[string]bool{}
	for _, percent := range []int{1, 10, 50, 99} {
		c, n := &Canary{Version: "v", Percent: percent}, map[string]bool{}
		for i := range 10_000 {
			if key := fmt.Sprint("key ", i); c.Takes("user:ann", key) {
				n[key] = true
			}
		}
		if got := len(n); got < percent*100-200 || got > percent*100+200 { // four standard deviations at 50 %
			t.Errorf("%d %%: %d of 10,000 keys", percent, got)
		}
		taken[percent] = n
	}
	for key := range taken[10] {
		if !taken[50][key] {
			t.Fatalf("%s is taken at 10 %% and not at 50 %%", key)
		}
	}
	other, same := &Canary{Version: "w", Percent: 10}, 0
	for key := range taken[10] {
		if other.Takes("user:ann", key) {
			same++
		}
	}
	if same > len(taken[10])/2 {
		t.Errorf("another canary takes the same %d keys", same)
	}
	few := &Canary{Version: "v", Principals: []string{"user:ann"}}
	if !few.Takes("user:ann", "k") || !few.Takes("user:ann", "") || few.Takes("user:bob", "k") || few.Takes("user:bob", "") {
		t.Error("principals")
	}
	random, n := &Canary{Version: "v", Percent: 50}, 0
	for range 10_000 {
		if random.Takes("user:ann", "") {
			n++
		}
	}
	if n < 4600 || n > 5400 { // eight standard deviations
		t.Errorf("%d of 10,000 calls without a key", n)
	}
}

func TestCanaryIsSharedAndEnds(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	all, ctx := s.Flows(), t.Context()
	first, second, third := parse(t, 69, "a", "first"), parse(t, 69, "a", "second"), parse(t, 69, "a", "third")
	deploy(t, s, first)
	canary := func() *Canary {
		t.Helper()
		head, err := all.Deployment("69")
		if err != nil {
			t.Fatal(err)
		}
		return head.Canary
	}
	start := func() *Canary {
		t.Helper()
		if err := all.StartCanary(ctx, second, Canary{Principals: []string{"user:ann"}}); err != nil {
			t.Fatal(err)
		}
		return canary()
	}
	expires := func() bool { return s.config.Redis.TTL(ctx, keySource(69, second.Version)).Val() > 0 }
	one := start()
	others := f.openIdle(t).Flows()
	if flow := others.CanaryFor(ctx, 69, "user:ann", ""); flow == nil || flow.Version != second.Version {
		t.Errorf("another process takes %v", flow)
	}
	if flow := others.CanaryFor(ctx, 69, "user:bob", ""); flow != nil || expires() {
		t.Errorf("a call of bob: %v, the source expires: %v", flow, expires())
	}
	stale := *one
	stale.StartedAt = stale.StartedAt.Add(-time.Second)
	if err := errors.Join(all.StopCanary(ctx, 69, &stale), all.PromoteCanary(ctx, 69, &stale)); !errors.Is(err, ErrNotFound) || canary() == nil {
		t.Errorf("an earlier canary: %v", err)
	}
	if err := all.StopCanary(ctx, 69, one); err != nil || canary() != nil || !expires() {
		t.Errorf("stopped: %v, %v; the source expires: %v", err, canary(), expires())
	}
	if _, err := all.Version(ctx, 69, second.Version); err != nil {
		t.Errorf("the version of accepted runs: %v", err)
	}
	start()
	if expires() {
		t.Error("the source expires under a canary")
	}
	deploy(t, s, third)
	if canary() != nil || !expires() {
		t.Errorf("after another deployment: %v, the source expires: %v", canary(), expires())
	}
	if err := all.PromoteCanary(ctx, 69, start()); err != nil || canary() != nil || all.VersionNow(69) != second.Version || expires() {
		t.Errorf("promoted: %v, %v", err, canary())
	}
	if err := all.StartCanary(ctx, first, Canary{Percent: 1}); err != nil {
		t.Fatal(err)
	}
	if err := all.Rollback(ctx, 69, third.Version); err != nil || canary() != nil {
		t.Errorf("rolled back: %v, %v", err, canary())
	}
	start()
	if err := all.Delete(ctx, 69); err != nil || !expires() {
		t.Errorf("deleted: %v, the source expires: %v", err, expires())
	}
}

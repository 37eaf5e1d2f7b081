package limits

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

func attempts(t testing.TB, client redis.UniversalClient) *Attempts {
	t.Helper()
	a, err := NewAttempts(AttemptsConfig{Redis: client, Key: []byte("a test's")})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func record(t testing.TB, a *Attempts, name, ip string, right bool) Wait {
	t.Helper()
	w, err := a.Record(t.Context(), Attempt{name, ip}, right)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func check(t testing.TB, a *Attempts, name, ip string) Wait {
	t.Helper()
	w, err := a.Check(t.Context(), Attempt{name, ip})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestANameWaitsWhereItFails(t *testing.T) {
	t.Parallel()
	client, pass := clocked(t)
	a := attempts(t, client)
	for i := range nameAtNetwork.free + 1 {
		if w := record(t, a, "ann", "192.0.2.1", false); w != (Wait{}) {
			t.Errorf("failure %d waits: %+v", i, w)
		}
	}
	for range 3 {
		if w := check(t, a, "ann", "192.0.2.1"); w != (Wait{For: time.Second}) {
			t.Errorf("an early try: %+v, want that no try makes the wait longer", w)
		}
	}
	pass(time.Second)
	if w := record(t, a, "ann", "192.0.2.1", false); w != (Wait{}) {
		t.Errorf("after the wait: %+v", w)
	}
	if w := check(t, a, "ann", "192.0.2.1"); w != (Wait{For: 16 * time.Second}) {
		t.Errorf("the next wait: %+v, want that each early try has doubled it", w)
	}
	pass(16 * time.Second)
	if w := record(t, a, "ann", "192.0.2.1", true); w != (Wait{}) {
		t.Errorf("the right one, after the wait: %+v", w)
	}
	if w := check(t, a, "ann", "192.0.2.2"); w != (Wait{}) {
		t.Errorf("from elsewhere: %+v", w)
	}
}

// The number of evaluated attempts is bounded, whatever the number of failures and of attempts during a delay.
func TestTheLongestWait(t *testing.T) {
	t.Parallel()
	client, pass := clocked(t)
	a := attempts(t, client)
	record(t, a, "ann", "192.0.2.1", true)
	for range 100 {
		record(t, a, "ann", "192.0.2.1", false)
	}
	pass(time.Second)
	record(t, a, "ann", "192.0.2.1", false)
	if w := record(t, a, "ann", "192.0.2.1", true); w != (Wait{For: nameAtNetwork.maxWait}) {
		t.Errorf("%+v", w)
	}
	pass(nameAtNetwork.maxWait)
	if w := record(t, a, "ann", "192.0.2.1", true); w != (Wait{}) {
		t.Errorf("after the longest wait: %+v", w)
	}
}

// During a delay a right and a wrong secret get the same response and cost the same.
func TestAWaitTellsNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stranger", "known"} {
		client, _ := clocked(t)
		var waits [2][]Wait
		for i, right := range []bool{true, false} {
			a, ip := attempts(t, client), fmt.Sprintf("192.0.2.%d", i)
			if name == "known" {
				record(t, a, name+ip, ip, true)
			}
			for range nameAtNetwork.free + 1 {
				record(t, a, name+ip, ip, false)
			}
			for range 12 {
				waits[i] = append(waits[i], record(t, a, name+ip, ip, right))
			}
		}
		for i := range waits[0] {
			if waits[0][i] != waits[1][i] || waits[0][i].For == 0 {
				t.Errorf("%s: try %d waits %v if right, %v if wrong", name, i, waits[0][i], waits[1][i])
			}
		}
	}
}

func TestWhoIsKnownDoesNotWaitForFailuresElsewhere(t *testing.T) {
	t.Parallel()
	client, pass := clocked(t)
	a := attempts(t, client)
	record(t, a, "ann", "192.0.2.1", true)
	record(t, a, "ann", "2001:db8:0:1::1", true)
	pass(knownNetworkTTL - time.Hour)
	for i := range 500 { // ann is attacked from as many addresses, and others from hers
		record(t, a, "ann", fmt.Sprintf("198.51.%d.%d", i%2, i/2), false)
		record(t, a, fmt.Sprint("other", i), "192.0.2.1", false)
		record(t, a, fmt.Sprint("other", i), "2001:db8:0:1:ffff::2", false)
	}
	for _, ip := range []string{"192.0.2.1", "2001:db8:0:1::1", "2001:db8:0:1:8000::77"} { // one /64
		if w := check(t, a, "ann", ip); w != (Wait{}) {
			t.Errorf("the owner at %s: %+v", ip, w)
		}
	}
	for ip, network := range map[string]bool{"192.0.2.2": false, "2001:db8:0:2::1": false} {
		if w := check(t, a, "ann", ip); w.For == 0 || w.Network != network {
			t.Errorf("a stranger at %s: %+v", ip, w)
		}
	}
	if w := check(t, a, "bob", "192.0.2.1"); w.For == 0 || !w.Network {
		t.Errorf("an unknown name beside her: %+v", w)
	}
	pass(time.Hour)
	record(t, a, "ann", "192.0.2.1", false)
	for range ofName.burst {
		record(t, a, "ann", "192.0.2.3", false)
		record(t, a, "ann", "192.0.2.4", false)
	}
	if w := check(t, a, "ann", "192.0.2.1"); w.For == 0 {
		t.Error("a network is known for longer than it is remembered")
	}
}

// An attempt at its reserved time is evaluated; a caller who does not wait loses the reservation.
func TestTurnsAreKept(t *testing.T) {
	t.Parallel()
	client, pass := clocked(t)
	a := attempts(t, client)
	crowd := 0
	rush := func(n int) {
		for range n {
			crowd++
			record(t, a, "ann", fmt.Sprintf("2001:db8:%x::1", crowd), false)
		}
	}
	rush(ofName.burst)
	w := check(t, a, "ann", "192.0.2.1")
	if w.For != ofName.interval || w.Network {
		t.Fatalf("the first who waits: %+v", w)
	}
	rush(100)
	if w := check(t, a, "ann", "192.0.2.9"); w.For != ofName.interval {
		t.Errorf("who comes when all turns are promised: %+v, want that it asks again in %v", w, ofName.interval)
	}
	pass(w.For)
	rush(100)
	if w := check(t, a, "ann", "192.0.2.1"); w != (Wait{}) {
		t.Errorf("its turn: %+v", w)
	}
	pass(ofName.holdTime)
	if w := check(t, a, "ann", "192.0.2.1"); w.For == 0 {
		t.Error("a turn is kept for ever")
	}
	w = check(t, a, "ann", "192.0.2.2")
	for range nameAtNetwork.free + 1 {
		check(t, a, "ann", "192.0.2.2")
	}
	pass(w.For)
	if w := check(t, a, "ann", "192.0.2.2"); w.For == 0 {
		t.Error("who does not wait keeps the turn")
	}
}

// Stored data is bounded for any number of addresses and names, and known names are still evaluated.
func TestWhatAttackersStoreIsBounded(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	client := server.Client()
	now := time.Unix(1795280000, 0)
	a, err := NewAttempts(AttemptsConfig{Redis: client, Key: []byte("a test's"), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	record(t, a, "ann", "192.0.2.1", true)
	const tries = 12_000
	var next atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := next.Add(1); i <= tries; i = next.Add(1) {
				_, _ = a.Record(context.Background(), Attempt{fmt.Sprint("name", i), fmt.Sprintf("2001:db8:%x:%x::1", i%5_000, i/10_000)}, false)
			}
		})
	}
	all.Wait()
	own, shared := 0, 0
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if strings.Contains(key, ":s:") {
			shared++
		} else {
			own++
		}
	}
	t.Logf("%d tries: %d states of their own, %d shared", tries, own, shared)
	if own > maxStates+2+8*3 || shared > 3*sharedStates { // and ann's networks, and the count
		t.Errorf("%d tries left %d keys, and %d shared ones", tries, own, shared)
	}
	if w := check(t, a, "ann", "192.0.2.1"); w != (Wait{}) {
		t.Errorf("the owner: %+v", w)
	}
}

func TestNetworksOfANameAreBounded(t *testing.T) {
	t.Parallel()
	client, pass := clocked(t)
	a := attempts(t, client)
	for i := range maxNetworks + 20 {
		pass(time.Second)
		record(t, a, "ann", fmt.Sprintf("192.0.2.%d", i), true)
	}
	key := a.keys("ann", "192.0.2.1")[6]
	if n := client.ZCard(t.Context(), key).Val(); n != maxNetworks {
		t.Errorf("%d networks are remembered", n)
	}
	if ttl := client.PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > knownNetworkTTL {
		t.Errorf("for %v", ttl)
	}
}

// All keys that failures create expire in Redis.
func TestStatesEnd(t *testing.T) {
	t.Parallel()
	client, pass := clocked(t)
	a := attempts(t, client)
	for i := range 100 {
		record(t, a, "ann", fmt.Sprintf("192.0.2.%d", i%4), false)
	}
	pass(3 * time.Hour)
	if keys := client.Keys(t.Context(), "*").Val(); len(keys) != 0 {
		t.Errorf("left: %v", keys)
	}
}

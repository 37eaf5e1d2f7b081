package resources

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

func keyNamed(n int) (k cacheKey) {
	copy(k[:], fmt.Sprint(n))
	return k
}

func answer(size int) *reply {
	return &reply{status: http.StatusOK, header: http.Header{}, body: make([]byte, size)}
}

// One of equal requests leads; the others get its answer, and so do later ones
// until it is too old.
func TestCache(t *testing.T) {
	t.Parallel()
	ca, now := newCache(nil), time.Unix(1000, 0)
	_, f, leads := ca.look(keyNamed(1), now)
	if !leads {
		t.Fatal("nobody leads")
	}
	for range 3 {
		if k, same, leads := ca.look(keyNamed(1), now); k != nil || leads || same != f {
			t.Fatal("two lead")
		}
	}
	if _, _, leads := ca.look(keyNamed(2), now); !leads {
		t.Fatal("another request waits for this one")
	}
	ca.end(keyNamed(1), f, kept{answer(10), now.Add(time.Second)}, nil)
	<-f.done
	if k, _, _ := ca.look(keyNamed(1), now.Add(time.Second-1)); k == nil || f.err != nil || f.kept.reply == nil {
		t.Error("the answer is not kept")
	}
	if k, _, leads := ca.look(keyNamed(1), now.Add(time.Second)); k != nil || !leads || ca.size != 0 {
		t.Error("an old answer is given")
	}
}

// What failed is not kept, nor what the flow does not want kept.
func TestCacheKeepsGoodAnswersOnly(t *testing.T) {
	t.Parallel()
	secret := answer(1)
	secret.header.Set("Cache-Control", "No-Store")
	missing := answer(1)
	missing.status = http.StatusNotFound
	for name, c := range map[string]struct {
		reply *reply
		err   error
	}{"an error": {nil, errors.New("x")}, "no-store": {secret, nil}, "404": {missing, nil}, "too large": {answer(maxKeptOne), nil}, "left": {nil, nil}} {
		ca := newCache(nil)
		_, f, _ := ca.look(keyNamed(1), time.Unix(1, 0))
		ca.end(keyNamed(1), f, kept{c.reply, time.Unix(9, 0)}, c.err)
		if _, _, leads := ca.look(keyNamed(1), time.Unix(1, 0)); !leads {
			t.Errorf("%s is kept", name)
		}
		if c.reply == nil && f.err == nil {
			t.Errorf("%s: who waits gets neither answer nor error", name)
		}
	}
}

// The answers together are bounded; the least recently used goes first.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	ca, now := newCache(nil), time.Unix(1, 0)
	const many = 3 * maxKept / (maxKeptOne / 2)
	for n := range many {
		_, f, _ := ca.look(keyNamed(n), now)
		ca.end(keyNamed(n), f, kept{answer(maxKeptOne / 2), now.Add(time.Hour)}, nil)
		ca.look(keyNamed(0), now) // keeps it in use
		if ca.size > maxKept || len(ca.entries) != ca.recent.Len() {
			t.Fatalf("%d bytes in %d answers", ca.size, len(ca.entries))
		}
	}
	if k, _, _ := ca.look(keyNamed(0), now); k == nil {
		t.Error("an answer in use is gone")
	}
	if k, _, _ := ca.look(keyNamed(1), now); k != nil {
		t.Error("an answer that nobody used is kept")
	}
}

// Many goroutines lead each request once at a time.
func TestCacheConcurrently(t *testing.T) {
	t.Parallel()
	ca, now := newCache(nil), time.Unix(1, 0)
	var all sync.WaitGroup
	var mu sync.Mutex
	led := map[int]int{}
	for i := range 64 {
		all.Go(func() {
			n := i % 4
			k, f, leads := ca.look(keyNamed(n), now)
			switch {
			case k != nil:
			case leads:
				mu.Lock()
				led[n]++
				mu.Unlock()
				ca.end(keyNamed(n), f, kept{answer(1), now.Add(time.Hour)}, nil)
			default:
				<-f.done
			}
		})
	}
	all.Wait()
	for n := range 4 {
		if led[n] != 1 {
			t.Errorf("request %d was led %d times", n, led[n])
		}
	}
}

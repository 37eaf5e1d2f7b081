package password

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func hasher(t *testing.T) *Hasher {
	t.Helper()
	h, err := NewHasher(2)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestMatches(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s", hash)
	}
	long := strings.Repeat("x", maxLength)
	longHash, err := h.Hash(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, hash, password string
		want                 bool
	}{
		{"right", hash, "correct horse", true},
		{"wrong", hash, "correct horse ", false},
		{"empty", hash, "", false},
		{"nobody", "", "correct horse", false},
		{"as long as can be", longHash, long, true},
		{"longer, with the same beginning", longHash, long + "x", false},
	} {
		got, err := h.Matches(t.Context(), tc.hash, tc.password, nil)
		if got != tc.want || err != nil {
			t.Errorf("%s: Matches = %v, %v, want %v", tc.name, got, err, tc.want)
		}
	}
	if _, err := h.Matches(t.Context(), "$2a$10$abc", "x", nil); err == nil {
		t.Error("a hash of another kind was accepted")
	}
}

func TestHashIsSalted(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	one, err1 := h.Hash(t.Context(), "same")
	two, err2 := h.Hash(t.Context(), "same")
	if err1 != nil || err2 != nil || one == two {
		t.Errorf("%s, %s, %v, %v", one, two, err1, err2)
	}
}

func TestHashRefuses(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	for _, password := range []string{"", strings.Repeat("x", maxLength+1)} {
		if _, err := h.Hash(t.Context(), password); err == nil {
			t.Errorf("a password of %d bytes was hashed", len(password))
		}
	}
	if _, err := NewHasher(0); err == nil {
		t.Error("a hasher that never works was made")
	}
}

func TestHashesAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	h.slots <- struct{}{} // two are in progress
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a third hash: %v, want that it waited", err)
	}
	if _, err := h.Matches(ctx, "", "x", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a third comparison: %v, want that it waited", err)
	}
	<-h.slots
	if _, err := h.Hash(t.Context(), "x"); err != nil {
		t.Errorf("with a free slot: %v", err)
	}
}

func TestMatchesAsksFirst(t *testing.T) {
	t.Parallel()
	h, late := hasher(t), errors.New("too many")
	if ok, err := h.Matches(t.Context(), "", "x", func() error { return late }); ok || !errors.Is(err, late) {
		t.Errorf("Matches = %v, %v", ok, err)
	}
	if len(h.slots) != 0 {
		t.Error("its slot was kept")
	}
}

func TestWhoWaitsIsBounded(t *testing.T) {
	t.Parallel()
	h := hasher(t)
	h.waiting.Store(maxWaiting)
	if _, err := h.Matches(t.Context(), "", "x", nil); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	if h.waiting.Load() != maxWaiting {
		t.Errorf("%d are waiting", h.waiting.Load())
	}
}

// A password of an unknown user costs the same hash. The test compares the allocated memory, not the time. Not
// parallel: the memory of other tests would count.
func TestNobodyCostsTheSameWork(t *testing.T) {
	h := hasher(t)
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ hash, password string }{
		"somebody": {hash, "wrong"}, "nobody": {"", "wrong"}, "too long": {hash, strings.Repeat("x", maxLength+1)},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if ok, err := h.Matches(t.Context(), c.hash, c.password, nil); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took < memory<<10 || took > (memory+1024)<<10 {
			t.Errorf("%s: %d bytes, want those of one hash", name, took)
		}
	}
}

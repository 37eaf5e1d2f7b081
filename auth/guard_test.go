package auth

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/limits"
)

// fakeAttempts returns fixed results and counts its calls.
type fakeAttempts struct {
	wait   limits.Wait
	err    error
	record int // calls of Record
}

func (f *fakeAttempts) Check(context.Context, limits.Attempt) (limits.Wait, error) {
	return f.wait, f.err
}

func (f *fakeAttempts) Record(context.Context, limits.Attempt, bool) (limits.Wait, error) {
	f.record++
	return f.wait, f.err
}

var errWrongProof = errors.New("wrong proof")

func TestGuardDecisions(t *testing.T) {
	t.Parallel()
	waiting := limits.Wait{For: time.Minute}
	for _, tc := range []struct {
		name          string
		valid, strong bool
		wait          limits.Wait
		counted       bool
		code          Code // of the error; empty: none, or errWrongProof
		wrong         bool // the error is errWrongProof
	}{
		{name: "valid", valid: true, counted: true},
		{name: "valid during a wait", valid: true, wait: waiting, counted: true, code: CodeSlowDown},
		{name: "valid and strong", valid: true, strong: true},
		{name: "valid and strong during a wait", valid: true, strong: true, wait: waiting},
		{name: "wrong", counted: true, wrong: true},
		{name: "wrong during a wait", wait: waiting, counted: true, code: CodeSlowDown},
		{name: "wrong for a strong secret", strong: true, counted: true, wrong: true},
		{name: "wrong for a strong secret during a wait", strong: true, wait: waiting, counted: true, code: CodeSlowDown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			attempts := &fakeAttempts{wait: tc.wait}
			proof := Proof{Name: "key:k", IP: "192.0.2.1", Now: time.Unix(1, 0), Valid: tc.valid, Strong: tc.strong}
			err := NewBruteForceGuard(attempts).Check(t.Context(), proof, errWrongProof)
			if errors.Is(err, errWrongProof) != tc.wrong {
				t.Errorf("error %v", err)
			}
			e := asError(err)
			if (e != nil) != (tc.code != "") || e != nil && (e.Code != tc.code || e.Retry != tc.wait.For) {
				t.Errorf("error %+v, want code %q", e, tc.code)
			}
			if (attempts.record == 1) != tc.counted {
				t.Errorf("%d attempts were counted", attempts.record)
			}
		})
	}
}

func TestGuardWithoutRedis(t *testing.T) {
	t.Parallel()
	guard := NewBruteForceGuard(&fakeAttempts{err: errors.New("dial 10.0.0.1")})
	for _, valid := range []bool{true, false} {
		err := guard.Check(t.Context(), Proof{Name: "key:k", IP: "192.0.2.1", Valid: valid}, errWrongProof)
		if !errors.Is(err, ErrUnavailable) || errors.Is(err, errWrongProof) {
			t.Errorf("valid %v: %v", valid, err)
		}
	}
}

func TestNilGuard(t *testing.T) {
	t.Parallel()
	var guard *BruteForceGuard
	if err := guard.Check(t.Context(), Proof{Valid: true}, errWrongProof); err != nil {
		t.Error(err)
	}
	if err := guard.Check(t.Context(), Proof{}, errWrongProof); !errors.Is(err, errWrongProof) {
		t.Error(err)
	}
}

// A valid proof is cached for a minute, for its name and network. A wrong proof from there removes it.
func TestGuardCache(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	valid := func(name, ip string, at time.Time) Proof { return Proof{Name: name, IP: ip, Now: at, Valid: true} }
	for _, tc := range []struct {
		name   string
		then   []Proof
		counts int // of the last proof
	}{
		{"the same", []Proof{valid("key:k", "192.0.2.1", now.Add(verifiedFor-1))}, 0},
		{"a minute later", []Proof{valid("key:k", "192.0.2.1", now.Add(verifiedFor))}, 1},
		{"another name", []Proof{valid("key:l", "192.0.2.1", now)}, 1},
		{"another network", []Proof{valid("key:k", "198.51.100.1", now)}, 1},
		{"after a wrong proof", []Proof{{Name: "key:k", IP: "192.0.2.1", Now: now}, valid("key:k", "192.0.2.1", now)}, 1},
		{"after a wrong proof elsewhere", []Proof{{Name: "key:k", IP: "198.51.100.1", Now: now}, valid("key:k", "192.0.2.1", now)}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			attempts := &fakeAttempts{}
			guard := NewBruteForceGuard(attempts)
			if err := guard.Check(t.Context(), valid("key:k", "192.0.2.1", now), errWrongProof); err != nil {
				t.Fatal(err)
			}
			for _, proof := range tc.then {
				attempts.record = 0
				_ = guard.Check(t.Context(), proof, errWrongProof)
			}
			if attempts.record != tc.counts {
				t.Errorf("the last proof was counted %d times, want %d", attempts.record, tc.counts)
			}
		})
	}
}

func TestProofCacheSecrets(t *testing.T) {
	t.Parallel()
	cache, now, at := newProofCache(), time.Unix(1000, 0), limits.Attempt{Name: "user:ann", IP: "192.0.2.1"}
	cache.add(at, []string{"hash", "secret"}, now)
	for _, other := range [][]string{nil, {"secret"}, {"hash", "other"}, {"hashs", "ecret"}, {"hash", "secret", ""}} {
		if cache.contains(at, other, now) {
			t.Errorf("the cache contains %q", other)
		}
	}
	if !cache.contains(at, []string{"hash", "secret"}, now) {
		t.Error("the cache does not contain the proof")
	}
	if newProofCache().id("x") == cache.id("x") {
		t.Error("two caches have the same key")
	}
}

func TestStrong(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		secrets []string
		want    bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"0123456789abcdef"}, true},
		{[]string{"0123456789abcde"}, false},  // 15 bytes
		{[]string{"0123456012345601"}, false}, // 7 different bytes
		{[]string{"0123456701234567"}, true},  // 8 different bytes
		{[]string{"0123456789abcdef", ""}, true},
		{[]string{"0123456789abcdef", "short"}, false},
	} {
		if got := Strong(tc.secrets...); got != tc.want {
			t.Errorf("Strong(%q) = %v", tc.secrets, got)
		}
	}
}

package auth

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/limits"
	"github.com/penstock/penstock/internal/password"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// noWait is an Attempts without delays, so that hashing can be measured.
type noWait struct{}

func (noWait) Check(context.Context, limits.Attempt) (limits.Wait, error) { return limits.Wait{}, nil }
func (noWait) Record(context.Context, limits.Attempt, bool) (limits.Wait, error) {
	return limits.Wait{}, nil
}

func newAttempts(t *testing.T) *limits.Attempts {
	t.Helper()
	a, err := limits.NewAttempts(limits.AttemptsConfig{Redis: testenv.Redis(t).Client(), Key: []byte("a test's")})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newAuthority(t *testing.T, attempts Attempts) *Authority {
	t.Helper()
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Redis: testenv.Redis(t).Client(), Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := password.NewHasher(2)
	if err != nil {
		t.Fatal(err)
	}
	a, err := NewAuthority(AuthorityConfig{Store: s, Hasher: hasher, Guard: NewBruteForceGuard(attempts), Issuer: "https://penstock.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	hash, err := a.Hash(t.Context(), "the right password")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []store.User{
		{Name: "ann", Hash: hash, Roles: []store.Role{store.RoleAPIUser}},
		{Name: "guest", Hash: hash},
		{Name: "gone", Hash: hash, Roles: []store.Role{store.RoleAPIUser}, Disabled: true},
	} {
		if _, err := s.Users().Create(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Clients().Create(t.Context(), store.Client{Identifier: "client-a", Name: "a", Hash: hash}); err != nil {
		t.Fatal(err)
	}
	return a
}

// A right password is hashed once a minute, a wrong one each time.
func TestRightProofsAreRemembered(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, newAttempts(t))
	now := time.Now()
	a.config.Now = func() time.Time { return now }
	user, err := a.config.Store.Users().User(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	p, kept := passwordProof{name: "user:ann", secrets: []string{"the right password"}, ip: "192.0.2.1", hash: user.Hash}, a.config.Guard.proven
	isKept := func(p passwordProof) bool { return kept.contains(p.attempt(), p.parts(), now) }
	remembered := func() bool { return isKept(p) }
	if ok, err := a.prove(t.Context(), p); !ok || err != nil || !remembered() {
		t.Errorf("prove = %v, %v", ok, err)
	}
	now = now.Add(verifiedFor - time.Nanosecond)
	if !remembered() {
		t.Error("it was forgotten too early")
	}
	now = now.Add(time.Nanosecond)
	if remembered() {
		t.Error("it is remembered for longer than a minute")
	}
	if ok, err := a.prove(t.Context(), p); !ok || err != nil || !remembered() {
		t.Errorf("prove = %v, %v", ok, err)
	}
	elsewhere := p
	elsewhere.ip = "192.0.2.2"
	if isKept(elsewhere) {
		t.Error("it is remembered from another network")
	}
	wrong := p
	wrong.secrets = []string{"the right password "}
	if ok, err := a.prove(t.Context(), wrong); ok || err != nil || isKept(wrong) || remembered() {
		t.Errorf("after a wrong one: %v, %v", ok, err)
	}
	if kept.id("user:ann", "x") == kept.id("user:annx", "") {
		t.Error("two proofs have one id")
	}
	for i := range maxVerified + 1 {
		kept.add(limits.Attempt{Name: fmt.Sprint(i)}, nil, now)
	}
	if n := len(kept.proofs); n > maxVerified {
		t.Errorf("%d proofs are remembered", n)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for text, known := range map[Scope]bool{
		"flows:run": true, "flows:run:69": true, "runs:read:1": true, "users:admin": true,
		"": false, "flows": false, "flows:run:": false, "flows:run:0": false, "flows:run:-1": false, "flows:run:069": false, "flows:run:+69": false,
		"flows:run:69:70": false, "users:admin:1": false, "queues:read:1": false, "FLOWS:RUN": false, "flows:run:99999999999999999999": false,
	} {
		if text.Known() != known {
			t.Errorf("%q known: %v", text, text.Known())
		}
	}
	granted := []Scope{"flows:run:69", "runs:read"}
	for scope, covered := range map[Scope]bool{"flows:run:69": true, "flows:run": false, "flows:run:6": false, "runs:read:69": true, "runs:read": true, "runs:write": false, "nothing": false} {
		if Covers(granted, scope) != covered {
			t.Errorf("%q covered: %v", scope, !covered)
		}
	}
	if got := JoinScopes(Intersect([]Scope{"flows:run", "runs:read"}, []Scope{"flows:run:69", "runs:read", "users:admin"}), " "); got != "runs:read flows:run:69" {
		t.Errorf("intersection %q", got)
	}
}

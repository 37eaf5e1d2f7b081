package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"penstock/flows"
	"penstock/internal/limits"
	"penstock/internal/password"
	"penstock/internal/store"
	"penstock/internal/testenv"
)

// patient slows nobody down, so that there is something to measure.
type patient struct{}

func (patient) Delay(context.Context, string, string) (limits.Delay, error) {
	return limits.Delay{}, nil
}
func (patient) Fail(context.Context, string, string) error    { return nil }
func (patient) Succeed(context.Context, string, string) error { return nil }

func newAuthority(t *testing.T, backoff Backoff) *Authority {
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
	a, err := NewAuthority(AuthorityConfig{Store: s, Hasher: hasher, Backoff: backoff, Issuer: "https://penstock.example.org"})
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

// Which users and clients there are does not show in how long it takes to
// refuse them: of interleaved samples the medians are within the noise of a
// busy machine, and the fastest, which have little of it, are close.
func TestAttackEnumerationByTiming(t *testing.T) {
	a := newAuthority(t, patient{}) // not parallel: it measures
	login := func(name string) func(int) {
		return func(i int) {
			r := &TokenRequest{Endpoint: SyncAccess, Params: map[string]string{"grant_type": "password", "username": name, "password": fmt.Sprint("guess ", i)}}
			if _, err := a.Token(t.Context(), r); asError(err) == nil || asError(err).Code != CodeInvalidGrant {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	client := func(id string) func(int) {
		return func(i int) {
			h := &http.Request{Header: http.Header{}}
			h.SetBasicAuth(id, fmt.Sprint("guess ", i))
			r := &TokenRequest{Endpoint: Integrify, Header: h.Header, Params: map[string]string{"grant_type": "client_credentials"}}
			if _, err := a.Token(t.Context(), r); asError(err) == nil || asError(err).Code != CodeInvalidClient {
				t.Fatalf("%s: %v", id, err)
			}
		}
	}
	for name, tries := range map[string]map[string]func(int){
		"users":   {"known": login("ann"), "unknown": login("nobody"), "without the role": login("guest"), "disabled": login("gone")},
		"clients": {"known": client("client-a"), "unknown": client("client-b")},
	} {
		medians, fastest := measure(tries)
		for who := range tries {
			if r := float64(medians[who]) / float64(medians["known"]); r < 0.25 || r > 4 {
				t.Errorf("%s: %s takes %v, known %v", name, who, medians[who], medians["known"])
			}
			if r := float64(fastest[who]) / float64(fastest["known"]); r < 0.6 || r > 1.7 {
				t.Errorf("%s: %s takes %v at least, known %v", name, who, fastest[who], fastest["known"])
			}
		}
		t.Logf("%s: medians %v, fastest %v", name, medians, fastest)
	}
}

func measure(tries map[string]func(int)) (medians, fastest map[string]time.Duration) {
	samples := map[string][]time.Duration{}
	for i := range 15 {
		for who, try := range tries {
			start := time.Now()
			try(i)
			samples[who] = append(samples[who], time.Since(start))
		}
	}
	medians, fastest = map[string]time.Duration{}, map[string]time.Duration{}
	for who, all := range samples {
		slices.Sort(all)
		medians[who], fastest[who] = all[len(all)/2], all[0]
	}
	return medians, fastest
}

// A right password is hashed once a minute, a wrong one every time.
func TestRightProofsAreRemembered(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, limits.NewBackoff(testenv.Redis(t).Client()))
	now := time.Now()
	a.config.Now = func() time.Time { return now }
	user, err := a.config.Store.Users().User(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	p := proof{name: "user:ann", secrets: []string{"the right password"}, ip: "192.0.2.1", hash: user.Hash}
	remembered := func() bool { return a.verified.has(a.verified.id(p), now) }
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
	wrong := p
	wrong.secrets = []string{"the right password "}
	if ok, err := a.prove(t.Context(), wrong); ok || err != nil || a.verified.has(a.verified.id(wrong), now) {
		t.Errorf("a wrong one: %v, %v", ok, err)
	}
	shifted := p
	shifted.name, shifted.hash = "user:annx", user.Hash[1:]
	if a.verified.id(shifted) == a.verified.id(p) {
		t.Error("two proofs have one id")
	}
	for i := range maxVerified + 1 {
		a.verified.add(a.verified.id(proof{name: fmt.Sprint(i)}), now)
	}
	if n := len(a.verified.until); n > maxVerified {
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

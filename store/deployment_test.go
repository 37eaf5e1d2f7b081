package store

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/internal/testenv"
)

// A pause has one beginning, in all processes, whichever versions are deployed meanwhile.
func TestPause(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	here, there := f.open(t), f.open(t)
	deploy(t, here, parse(t, 1, "one", "first"))
	since, err := here.Flows().Pause(t.Context(), 1, true)
	if err != nil || time.Since(since).Abs() > time.Minute {
		t.Fatalf("paused at %v, %v", since, err)
	}
	testenv.Until(t, "the pause in another process", func() bool { return there.Flows().Paused(1).Equal(since) })
	if again, err := there.Flows().Pause(t.Context(), 1, true); err != nil || !again.Equal(since) {
		t.Errorf("paused again at %v, %v; want %v", again, err, since)
	}
	deploy(t, here, parse(t, 1, "one", "second"))
	if got := here.Flows().Paused(1); !got.Equal(since) {
		t.Errorf("after a deployment: paused at %v, want %v", got, since)
	}
	if was, err := here.Flows().Pause(t.Context(), 1, false); err != nil || !was.Equal(since) || !here.Flows().Paused(1).IsZero() {
		t.Errorf("resumed a pause of %v, %v; now %v", was, err, here.Flows().Paused(1))
	}
	if was, err := here.Flows().Pause(t.Context(), 1, false); err != nil || !was.IsZero() {
		t.Errorf("resumed again: %v, %v", was, err)
	}
	if _, err := here.Flows().Pause(t.Context(), 2, true); !errors.Is(err, ErrNotFound) || !here.Flows().Paused(2).IsZero() {
		t.Errorf("no such flow: %v", err)
	}
}

// parseHTTP makes a flow with an http trigger of these operations.
func parseHTTP(t *testing.T, number int64, operations string) *flows.Flow {
	t.Helper()
	source := fmt.Sprintf("flow: %d\nname: people %d\ntrigger: {http: [%s]}\nsteps: [{echo: {}}]\n", number, number, operations)
	flow, err := flows.Parse("test.yaml", []byte(source), catalogue())
	if err != nil {
		t.Fatalf("parse flow: %v", err)
	}
	return flow
}

// An operation is served by one flow, which a second one cannot take over; deleting the flow frees it.
func TestRoutes(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	all := s.Flows()
	deploy(t, s, parseHTTP(t, 1, `{get: "/people/{id}", scopes: {"people:read": {description: Read people}}}, {post: /people, scopes: ["people:write"]}`))
	for _, tc := range []struct {
		method, path string
		values       []string
		found        bool
	}{
		{"GET", "/people/7", []string{"7"}, true}, {"HEAD", "/people/7", []string{"7"}, true}, {"POST", "/people", nil, true},
		{"GET", "/people", nil, false}, {"DELETE", "/people/7", nil, false}, {"GET", "/people/7/x", nil, false}, {"GET", "/", nil, false},
	} {
		r, values, found := all.Route(tc.method, tc.path)
		if found != tc.found || found && (r.Flow != 1 || !slices.Equal(values, tc.values)) {
			t.Errorf("%s %s: %+v %v %t", tc.method, tc.path, r, values, found)
		}
	}
	if got := all.Methods("/people"); !slices.Equal(got, []string{"POST"}) {
		t.Errorf("methods %v", got)
	}
	want := []OwnScope{
		{Name: "people:read", Description: "Read people", Flows: []int64{1}, Operations: []string{"GET /people/{id}"}},
		{Name: "people:write", Flows: []int64{1}, Operations: []string{"POST /people"}},
	}
	if diff := cmp.Diff(want, all.Scopes()); diff != "" || !all.HasScope("people:read") || all.HasScope("people") || all.HasScope("people:delete") {
		t.Errorf("scopes (-want +got)\n%s", diff)
	}
	second := parseHTTP(t, 2, `{get: "/people/{name}"}`)
	_, err := all.Deploy(t.Context(), second)
	var problems problem.List
	if !errors.As(err, &problems) || !strings.Contains(err.Error(), "flow 1 (people 1)") {
		t.Errorf("an operation of another flow: %v", err)
	}
	if _, err := all.Deployment("2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("it was deployed: %v", err)
	}
	if err := all.Delete(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, _, found := all.Route("GET", "/people/7"); found || len(all.Scopes()) > 0 {
		t.Error("a deleted flow has routes or scopes")
	}
	deploy(t, s, second)
	if !all.Enabled(2) || all.Enabled(1) {
		t.Error("enabled are not those that are deployed")
	}
}

// What a canary may be is checked before it is stored.
func TestCanaryCheck(t *testing.T) {
	t.Parallel()
	many := slices.Repeat([]string{"user:ann"}, maxPrincipals+1)
	for _, tc := range []struct {
		canary Canary
		member string // empty: it is one
	}{
		{Canary{Percent: 1}, ""},
		{Canary{Percent: 99}, ""},
		{Canary{Principals: []string{"user:ann", "key:k", "client:c", "hook:7"}}, ""},
		{Canary{Percent: 100}, "percent"},
		{Canary{Percent: -1}, "percent"},
		{Canary{}, "percent"},
		{Canary{Principals: many}, "principals"},
		{Canary{Principals: []string{"ann"}}, "principals"},
		{Canary{Principals: []string{"king:ann"}}, "principals"},
		{Canary{Percent: 50, RollbackAt: 101}, "rollback_at"},
		{Canary{Percent: 50, RollbackAt: -1}, "rollback_at"},
		{Canary{Percent: 50, PromoteAfter: -time.Second}, "promote_after"},
		{Canary{Percent: leastRuled - 1, RollbackAt: 5}, "percent"},
		{Canary{Percent: leastRuled, RollbackAt: 5, PromoteAfter: time.Hour}, ""},
	} {
		err := tc.canary.check()
		var invalid *InvalidError
		if errors.As(err, &invalid) != (tc.member != "") || invalid != nil && invalid.Member != tc.member {
			t.Errorf("%+v: %v, want one about %q", tc.canary, err, tc.member)
		}
	}
}

// The current version, one that is called otherwise, and one of no deployed flow cannot be a canary.
func TestCanariesThatCannotBe(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	current := parse(t, 1, "one", "first")
	deploy(t, s, current)
	share := Canary{Percent: 50}
	var refused *CanaryError
	for name, flow := range map[string]*flows.Flow{"the current version": current, "another address": parse(t, 1, "uno", "first")} {
		if err := s.Flows().StartCanary(t.Context(), flow, share); !errors.As(err, &refused) || refused.Error() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Flows().StartCanary(t.Context(), parse(t, 2, "two", "first"), share); !errors.Is(err, ErrNotFound) {
		t.Errorf("a flow that is not deployed: %v", err)
	}
	if head, err := s.Flows().Deployment("1"); err != nil || head.Canary != nil {
		t.Errorf("the flow has a canary: %+v, %v", head.Canary, err)
	}
}

// A developer owns a bounded number of clients, others none.
func TestOwnersOfClients(t *testing.T) {
	t.Parallel()
	s, ctx := newTestFleet(t).open(t), t.Context()
	for name, roles := range map[string][]Role{"dora": {RoleDeveloper}, "ann": {RoleAdmin}} {
		if _, err := s.Users().Create(ctx, User{Name: name, Hash: "h", Roles: roles}); err != nil {
			t.Fatal(err)
		}
	}
	make := func(n int, owner string) error {
		_, err := s.Clients().Create(ctx, Client{Identifier: fmt.Sprintf("%s-%d", owner, n), Name: "c", Hash: "h", Owner: owner})
		return err
	}
	for n := range MaxOwned {
		if err := make(n, "dora"); err != nil {
			t.Fatal(err)
		}
	}
	var invalid *InvalidError
	for _, owner := range []string{"dora", "ann", "nobody"} {
		if err := make(MaxOwned, owner); !errors.As(err, &invalid) || invalid.Member != "owner" {
			t.Errorf("one more of %s: %v", owner, err)
		}
	}
	if _, err := s.Clients().Change(ctx, "dora-0", func(c *Client) error { c.Name = "renamed"; return nil }); err != nil {
		t.Errorf("a change of one that stays: %v", err)
	}
	owned, err := s.Clients().Owned(ctx, "dora")
	none, err2 := s.Clients().Owned(ctx, "")
	if errors.Join(err, err2) != nil || len(owned) != MaxOwned || len(none) != 0 {
		t.Errorf("dora owns %d, none %d: %v, %v", len(owned), len(none), err, err2)
	}
}

// No record shows its secret in a log or a printed value, and each says which one it is.
func TestRecordsAreLoggedByName(t *testing.T) {
	t.Parallel()
	const never = "s3cret"
	for name, record := range map[string]any{
		"user":       User{Name: "user", Hash: never, CredentialState: CredentialState{Epoch: never}},
		"client":     Client{Identifier: "client", Hash: never, Assertion: never, CredentialState: CredentialState{Epoch: never}},
		"connection": Connection{Name: "connection", Settings: map[string]string{"password": never}},
		"secret":     Secret{Name: "secret", Value: never},
		"signing":    SigningKey{ID: "signing", Private: []byte(never)},
		"user:token": Token{Kind: PrincipalUser, Principal: "token", Epoch: never},
		"2030":       Grant{AccessToken: never, ExpiresAt: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		var logged strings.Builder
		slog.New(slog.NewTextHandler(&logged, nil)).Info("record", "it", record)
		if text := logged.String(); strings.Contains(text, never) || !strings.Contains(text, name) {
			t.Errorf("%s: logged %s", name, text)
		}
	}
	s := Secret{Name: "hook", Value: never}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s), s.String()} {
		if strings.Contains(text, never) || !strings.Contains(text, "hook") {
			t.Errorf("printed: %s", text)
		}
	}
}

package oidc

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/auth/oidc/oidctest"
	"github.com/penstock/penstock/flows/steps"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

func users(t *testing.T) *store.Users {
	t.Helper()
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Config{Redis: testenv.Redis(t).Client(), Sealer: sealer, Catalogue: steps.Catalogue(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s.Users()
}

// The first sign-in makes the user; the roles follow the groups with each one, and tokens end with a role.
func TestRolesFollowGroups(t *testing.T) {
	t.Parallel()
	at, all := oidctest.New(t), users(t)
	p := provider(at, func(s *Settings) {
		s.Roles = map[store.Role][]string{store.RoleAdmin: {"boss"}, store.RoleOperator: {"ops"}}
	})
	enter := func(groups any, change func(map[string]any)) (*store.User, bool, error) {
		t.Helper()
		person := map[string]any{"sub": "1234", "preferred_username": "ann", "given_name": "Ann"}
		if groups != nil {
			person["groups"] = groups
		}
		if change != nil {
			change(person)
		}
		at.SignIn(person, nil)
		id, err := signIn(t, p)
		if err != nil {
			t.Fatal(err)
		}
		return p.Enter(t.Context(), all, id)
	}
	made, changed, err := enter([]string{"ops"}, nil)
	if err != nil || !changed || made.Name != "ann" || made.Hash != "" || !slices.Equal(made.Roles, []store.Role{store.RoleOperator}) || made.FirstName != "Ann" {
		t.Fatalf("%+v, %v, %v", made, changed, err)
	}
	if again, changed, err := enter([]string{"ops"}, nil); err != nil || changed || again.Epoch != made.Epoch {
		t.Errorf("again: %+v, %v, %v", again, changed, err)
	}
	renamed, changed, err := enter([]string{"ops", "boss"}, func(c map[string]any) { c["preferred_username"] = "root" })
	if err != nil || !changed || renamed.Name != "ann" || len(renamed.Roles) != 2 || renamed.Epoch != made.Epoch {
		t.Errorf("another group and another name: %+v, %v, %v", renamed, changed, err)
	}
	lost, changed, err := enter([]string{"ops"}, nil)
	if err != nil || !changed || lost.Epoch == made.Epoch || lost.Is(store.RoleAdmin) {
		t.Errorf("a group less: %+v, %v, %v", lost, changed, err)
	}
	gone, changed, err := enter(nil, nil)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Reason != ReasonNoRole || !changed || len(gone.Roles) != 0 || gone.Epoch == lost.Epoch {
		t.Errorf("no group: %+v, %v, %v", gone, changed, err)
	}
	if _, err := all.Change(t.Context(), "ann", func(u *store.User) error { u.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := enter([]string{"ops"}, nil); !errors.As(err, &refused) || refused.Reason != ReasonDisabled {
		t.Errorf("disabled: %v", err)
	}
}

// Nobody takes over a user by a name, and nobody without a role is made a user.
func TestUsersAreNotTakenOver(t *testing.T) {
	t.Parallel()
	at, all := oidctest.New(t), users(t)
	p := provider(at, func(s *Settings) { s.Roles = map[store.Role][]string{store.RoleViewer: {"staff"}} })
	if _, err := all.Create(t.Context(), store.User{Name: "root", Hash: "h", Roles: []store.Role{store.RoleAdmin}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		claims map[string]any
		reason Reason
		detail string
	}{
		"the name of another":  {map[string]any{"preferred_username": "root", "groups": []string{"staff"}}, ReasonTaken, "root"},
		"no name":              {map[string]any{"groups": []string{"staff"}}, ReasonName, "preferred_username"},
		"a name with spaces":   {map[string]any{"preferred_username": "Ann Lee", "groups": []string{"staff"}}, ReasonName, "Ann Lee"},
		"another group":        {map[string]any{"preferred_username": "ann", "groups": []string{"guests"}}, ReasonNoRole, "guests"},
		"no groups":            {map[string]any{"preferred_username": "ann"}, ReasonNoRole, "claim groups"},
		"groups that are not":  {map[string]any{"preferred_username": "ann", "groups": map[string]any{"staff": true}}, ReasonNoRole, "claim groups"},
		"groups that are left": {map[string]any{"preferred_username": "ann", "_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://example.org"}}}, ReasonNoRole, "too many"},
		"everyone is no group": {map[string]any{"preferred_username": "ann", "groups": []string{"*"}}, ReasonNoRole, "*"},
	} {
		c.claims["sub"] = name
		at.SignIn(c.claims, nil)
		id, err := signIn(t, p)
		if err != nil {
			t.Fatal(err)
		}
		_, changed, err := p.Enter(t.Context(), all, id)
		var refused *RefusedError
		if changed || !errors.As(err, &refused) || refused.Reason != c.reason || !strings.Contains(refused.Detail, c.detail) {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
	}
	root, err := all.User(t.Context(), "root")
	if err != nil || root.External != nil || root.Hash != "h" {
		t.Errorf("root is %+v, %v", root, err)
	}
	if list, err := all.List(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%d users, %v", len(list), err)
	}
}

// Two first sign-ins of one person at once make one user.
func TestFirstSignInsAtOnce(t *testing.T) {
	t.Parallel()
	at, all := oidctest.New(t), users(t)
	p := provider(at, nil)
	id := &Identity{Subject: "1", Name: "ann", Roles: []store.Role{store.RoleViewer}}
	errs := make(chan error)
	for range 8 {
		go func() {
			_, _, err := p.Enter(context.WithoutCancel(t.Context()), all, id)
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

package auth

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// A role has no scope but these. The table is written out: a scope that gets into a role by mistake fails here.
func TestScopesOfRoles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		roles []store.Role
		want  []Scope
	}{
		{nil, nil},
		{[]store.Role{"root"}, nil},
		{[]store.Role{store.RoleAPIUser}, []Scope{ScopeRun, ScopeReadFlows, ScopeReadRuns}},
		{[]store.Role{store.RoleViewer}, []Scope{ScopeReadFlows, ScopeReadRuns, ScopeReadQueues}},
		{[]store.Role{store.RoleOperator}, []Scope{ScopeRun, ScopeReadFlows, ScopeReadRuns, ScopeWriteRuns, ScopeReadQueues, ScopeWriteQueues, ScopePublish}},
		{[]store.Role{store.RoleViewer, store.RoleAPIUser}, []Scope{ScopeRun, ScopeReadFlows, ScopeReadRuns, ScopeReadQueues}},
		{[]store.Role{store.RoleAdmin, store.RoleViewer}, Scopes},
	} {
		if got := UserScopes(tc.roles); !slices.Equal(got, tc.want) {
			t.Errorf("%v: %v, want %v", tc.roles, got, tc.want)
		}
	}
	for _, s := range Scopes {
		if Describe(s) == "" || s.Own() || s.Name() != s || !s.Known() {
			t.Errorf("%s: %q, own %v", s, Describe(s), s.Own())
		}
	}
}

// A scope of the installation's own making cannot look like one of the server, nor be narrowed to no flow.
func TestOwnScopes(t *testing.T) {
	t.Parallel()
	for scope, want := range map[Scope]struct {
		own  bool
		name Scope
	}{
		"people:read":          {true, "people:read"},
		"people:read:69":       {true, "people:read"},
		"people:read:0":        {false, "people:read"},
		"people:read:069":      {false, "people:read"},
		"people:read:x":        {false, ""},
		"people:read:-1":       {false, "people:read"},
		"people":               {false, ""},
		"people:":              {false, ""},
		":read":                {false, ""},
		"People:read":          {false, ""},
		"people:read ":         {false, ""},
		"people:read\n":        {false, ""},
		"flows:everything":     {false, ""},
		"users:admin:1":        {false, "users:admin"},
		"users:read":           {false, ""},
		"admin:everything":     {false, ""},
		"penstock:all":         {false, ""},
		"secrets:read":         {false, ""},
		"people:read:1:2":      {false, ""},
		"people:*":             {false, ""},
		"*":                    {false, ""},
		"flows:run,flows:read": {false, ""},
	} {
		if scope.Own() != want.own {
			t.Errorf("%q: own %v", scope, scope.Own())
		}
		if want.own && scope.Name() != want.name {
			t.Errorf("%q: name %q", scope, scope.Name())
		}
		if !want.own && scope.Known() {
			t.Errorf("%q is known", scope)
		}
	}
}

// Neither a request nor an intersection gives more than what is held: what a principal with the result may do, a
// principal with each of the lists may do.
func TestNarrowingNeverWidens(t *testing.T) {
	t.Parallel()
	words := []Scope{"flows:run", "flows:run:1", "flows:run:2", "flows:run:12", "runs:read", "runs:read:1", "users:admin", "people:read", "people:read:1", "nothing", "users:admin:1",
		"flows:run:/a", "flows:run:/a/b", "flows:run:/c", "runs:read:/a", "runs:watch", "runs:watch:/a", "people:read:/a"}
	list := rapid.SliceOfN(rapid.SampledFrom(words), 0, 4)
	view := viewOfFlows(t, map[int64]string{1: "a", 2: "a/b", 12: "c", 3: ""})
	rapid.Check(t, func(t *rapid.T) {
		a, b := list.Draw(t, "a"), list.Draw(t, "b")
		both := (&Principal{Scopes: intersect(a, b, view)}).WithView(view)
		byRight := (&Principal{Granted: a}).WithView(view)
		byRight.Narrow(b)
		grant := &TokenGrant{Scopes: a, folders: view}
		_, err := narrow(grant, JoinScopes(b, " "))
		asked := (&Principal{Scopes: grant.Scopes}).WithView(view)
		narrowed := grant.Scopes
		for _, scope := range []Scope{ScopeRun, ScopeReadRuns, ScopeWatchRuns, ScopeUsers, "people:read"} {
			for _, flow := range []int64{0, 1, 2, 12, 3, 99} {
				ofA, ofB := (&Principal{Scopes: a}).WithView(view).May(scope, flow), (&Principal{Scopes: b}).WithView(view).May(scope, flow)
				if may := both.May(scope, flow); may && !(ofA && ofB) || ofA && ofB && !may && scope != ScopeUsers {
					t.Fatalf("the intersection of %v and %v, %v, may %s flow %d: %v", a, b, both.Scopes, scope, flow, both.May(scope, flow))
				}
				if byRight.MayForOthers(scope, flow) && !(ofA && ofB) {
					t.Fatalf("the right to %v, narrowed by %v, may %s flow %d", a, b, scope, flow)
				}
				if err == nil && asked.May(scope, flow) && !ofA {
					t.Fatalf("%v narrowed by %v, %v, may %s flow %d", a, b, narrowed, scope, flow)
				}
			}
		}
	})
}

// A run by number needs the scopes of all operations of the flow, because the event chooses among them.
func TestOperationScopes(t *testing.T) {
	t.Parallel()
	people := &flows.Flow{Number: 7, HTTP: &flows.HTTP{Operations: []*flows.Operation{
		{Scopes: []flows.HTTPScope{{Name: "people:read"}}},
		{Scopes: []flows.HTTPScope{{Name: "people:write"}}},
	}}}
	for _, tc := range []struct {
		name    string
		flow    *flows.Flow
		p       Principal
		missing Scope // empty: none
	}{
		{"no operations", &flows.Flow{Number: 7}, Principal{}, ""},
		{"both scopes", people, Principal{Scopes: []Scope{"people:read", "people:write"}}, ""},
		{"narrowed to the flow", people, Principal{Scopes: []Scope{"people:read:7", "people:write:7"}}, ""},
		{"one of two", people, Principal{Scopes: []Scope{"people:read"}}, "people:write"},
		{"the other", people, Principal{Scopes: []Scope{"people:write"}}, "people:read"},
		{"for another flow", people, Principal{Scopes: []Scope{"people:read:8", "people:write"}}, "people:read"},
		{"none", people, Principal{Scopes: []Scope{ScopeRun, ScopeReadFlows}}, "people:read"},
		{"who writes the flow", people, Principal{Scopes: []Scope{"flows:write:7"}}, ""},
		{"who writes another", people, Principal{Scopes: []Scope{"flows:write:8"}}, "people:read"},
		{"who writes, but not this flow", people, Principal{Scopes: []Scope{ScopeWriteFlows, "people:read"}, Flows: []int64{8}}, "people:read"},
	} {
		err := tc.p.CheckOperationScopes(tc.flow)
		if tc.missing == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if e := asError(err); e == nil || e.Code != CodeForbidden || e.Bearer != CodeMissingScope || e.Scope != tc.missing {
			t.Errorf("%s: %+v, want %s", tc.name, e, tc.missing)
		}
	}
}

// viewOfFlows returns a view of a store with flows in folders.
func viewOfFlows(t *testing.T, folders map[int64]string) *store.FolderView {
	t.Helper()
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	catalogue := flows.NewCatalogue(flows.Kind{Name: "pass", Summary: "Passes.", Effect: flows.Read, New: func(*flows.Args) (flows.Runner, error) {
		return flows.RunFunc(func(_ context.Context, in *flows.Input) ([]any, error) { return []any{in.Value()}, nil }), nil
	}})
	s, err := store.Open(t.Context(), store.Config{Redis: testenv.Redis(t).Client(), Sealer: sealer, Catalogue: catalogue, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for number, folder := range folders {
		source := fmt.Sprintf("flow: %d\nsteps: [{pass: {}}]\n", number)
		if folder != "" {
			source += "folder: " + folder + "\n"
		}
		flow, err := s.Flows().Parse("test", []byte(source))
		if err == nil {
			_, err = s.Flows().Deploy(t.Context(), flow)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	v, err := s.Folders().View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

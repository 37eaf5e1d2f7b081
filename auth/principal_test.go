package auth

import "testing"

func TestPrincipalMay(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		scopes []Scope
		flows  []int64
		scope  Scope
		flow   int64
		want   bool
	}{
		{"scope, all flows", []Scope{ScopeRun}, nil, ScopeRun, 69, true},
		{"scope, listed flow", []Scope{ScopeRun}, []int64{1, 69}, ScopeRun, 69, true},
		{"scope, other flow", []Scope{ScopeRun}, []int64{1}, ScopeRun, 69, false},
		{"scope, no flows at all", []Scope{ScopeRun}, []int64{}, ScopeRun, 69, false},
		{"narrowed scope", []Scope{"flows:run:69"}, nil, ScopeRun, 69, true},
		{"scope narrowed to another flow", []Scope{"flows:run:6"}, nil, ScopeRun, 69, false},
		{"narrowed scope, flow not listed", []Scope{"flows:run:69"}, []int64{1}, ScopeRun, 69, false},
		{"another scope", []Scope{ScopeReadRuns}, nil, ScopeRun, 69, false},
		{"no scope", nil, nil, ScopeRun, 69, false},
	} {
		p := &Principal{Scopes: tc.scopes, Flows: tc.flows}
		if got := p.May(tc.scope, tc.flow); got != tc.want {
			t.Errorf("%s: May = %v", tc.name, got)
		}
	}
}

func TestPrincipalHolds(t *testing.T) {
	t.Parallel()
	p := &Principal{Scopes: []Scope{"flows:run:69", "runs:readonly"}}
	if !p.Holds(ScopeRun) {
		t.Error("a narrowed scope is not held")
	}
	if p.Holds(ScopeReadRuns) {
		t.Error("runs:readonly passes for runs:read")
	}
}

package store

import (
	"errors"
	"strings"
	"testing"
)

// A change takes effect when somebody else approves it, as it was seen, on the version that was current.
func TestProposals(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	first, second, third := parse(t, 1, "one", "first"), parse(t, 1, "one", "second"), parse(t, 1, "one", "third")
	deploy(t, s, first)
	s.config.SecondApproval = true
	all, ctx := s.Flows(), t.Context()
	ann, bob := Change{By: "user:ann", Message: "why"}, Change{By: "user:bob"}

	p, err := all.Request(ctx, ProposeDeploy, 1, second, nil, ann)
	if err != nil || p == nil || all.VersionNow(1) != first.Version {
		t.Fatalf("%v, %v, current %s", p, err, all.VersionNow(1))
	}
	if _, err := all.Request(ctx, ProposeDeploy, 1, third, nil, bob); !errors.Is(err, ErrProposed) {
		t.Error(err)
	}
	if err := all.Approve(ctx, p, second, "user:ann", nil); !errors.Is(err, ErrOwnProposal) {
		t.Error(err)
	}
	replaced, err := all.Request(ctx, ProposeDeploy, 1, third, nil, ann) // authors may change theirs
	if err != nil {
		t.Fatal(err)
	}
	if err := all.Approve(ctx, p, second, "user:bob", nil); !errors.Is(err, ErrNotProposed) {
		t.Error(err)
	}
	flow, err := all.ProposedFlow(ctx, replaced)
	if err != nil || flow.Version != third.Version {
		t.Fatal(flow, err)
	}
	if err := all.Approve(ctx, replaced, second, "user:bob", nil); !errors.Is(err, ErrNotProposed) { // another file than was proposed
		t.Error(err)
	}
	if err := all.Approve(ctx, replaced, flow, "user:bob", nil); err != nil || all.VersionNow(1) != third.Version {
		t.Fatal(err)
	}
	h, _ := all.Deployment("1")
	if last := h.History[0]; last.By != "user:ann" || last.Message != "why (approved by user:bob)" {
		t.Errorf("%+v", last)
	}
	if left, err := all.Proposals(ctx); err != nil || len(left) != 0 {
		t.Error(left, err)
	}

	// One that is based on another version is refused.
	if p, err = all.Request(ctx, ProposeVersion, 1, first, nil, ann); err != nil || p == nil {
		t.Fatal(p, err)
	}
	if _, err := all.DeployChange(ctx, second, Change{}); err != nil { // the operator's own
		t.Fatal(err)
	}
	var stale *StaleError
	if err := all.Approve(ctx, p, first, "user:bob", nil); !errors.As(err, &stale) || !all.Stale(p) {
		t.Error(err)
	}
	if err := all.Reject(ctx, p); err != nil {
		t.Error(err)
	}
	if err := all.Reject(ctx, p); !errors.Is(err, ErrNotProposed) {
		t.Error(err)
	}
	if _, err := all.Request(ctx, ProposeDeploy, 1, third, nil, Change{By: "user:ann", Base: first.Version}); !errors.As(err, &stale) {
		t.Error(err)
	}
}

// Each kind of change waits, and is made when it is approved.
func TestKindsOfProposals(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	first, second := parse(t, 1, "one", "first"), parse(t, 1, "one", "second")
	s.config.SecondApproval = true
	all, ctx := s.Flows(), t.Context()
	approve := func(p *Proposal, err error) {
		t.Helper()
		if err != nil || p == nil {
			t.Fatal(p, err)
		}
		flow, err := all.ProposedFlow(ctx, p)
		if err == nil {
			err = all.Approve(ctx, p, flow, "user:bob", nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ann := Change{By: "user:ann"}
	approve(all.Request(ctx, ProposeDeploy, 1, first, nil, ann)) // a new flow
	canary := Canary{Percent: 10, By: "user:ann"}
	approve(all.Request(ctx, ProposeCanary, 1, second, &canary, ann))
	h, _ := all.Deployment("1")
	if h.Version != first.Version || h.Canary == nil || h.Canary.Version != second.Version {
		t.Fatalf("%+v", h)
	}
	approve(all.Request(ctx, ProposePromote, 1, second, h.Canary, ann))
	if all.VersionNow(1) != second.Version {
		t.Error("the canary is not the current version")
	}
	approve(all.Request(ctx, ProposeVersion, 1, first, nil, ann))
	if all.VersionNow(1) != first.Version {
		t.Error("the earlier version is not the current one")
	}
	if err := all.Enable(ctx, 1, false); err != nil {
		t.Fatal(err)
	}
	approve(all.Request(ctx, ProposeEnable, 1, nil, nil, ann))
	if h, _ = all.Deployment("1"); !h.Enabled {
		t.Error("it is not enabled")
	}
	if p, err := all.Request(ctx, ProposeDeploy, 1, first, nil, ann); p != nil || err != nil { // nothing changes
		t.Error(p, err)
	}
	if p, err := all.Request(ctx, ProposeCanary, 2, second, &canary, ann); p != nil || !errors.Is(err, ErrNotFound) {
		t.Error(p, err)
	}
}

// Without the setting a request is the change.
func TestRequestsWithoutApproval(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	flow := parse(t, 1, "one", "first")
	if p, err := s.Flows().Request(t.Context(), ProposeDeploy, 1, flow, nil, Change{By: "user:ann"}); p != nil || err != nil || s.Flows().VersionNow(1) != flow.Version {
		t.Error(p, err)
	}
}

func TestApprovedMessage(t *testing.T) {
	t.Parallel()
	if got := approvedMessage(strings.Repeat("ä", MaxMessage), "user:bob"); len([]rune(got)) != MaxMessage || !strings.HasSuffix(got, "… (approved by user:bob)") {
		t.Error(got)
	}
}

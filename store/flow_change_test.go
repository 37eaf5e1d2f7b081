package store

import (
	"errors"
	"strings"
	"sync"
	"testing"
)

func TestVersionsHaveAuthorAndMessage(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	ctx := t.Context()
	first, second := parse(t, 69, "", "first"), parse(t, 69, "", "second")
	deploy(t, s, first)
	if _, err := s.Flows().DeployChange(ctx, second, Change{By: "user:ann", Message: "greets, too"}); err != nil {
		t.Fatal(err)
	}
	head, err := f.openIdle(t).Flows().Deployment("69")
	if err != nil || head.History[0].By != "user:ann" || head.History[0].Message != "greets, too" || head.History[1].By != "" {
		t.Errorf("history %+v, %v", head.History, err)
	}
	if err := s.Flows().RollbackChange(ctx, 69, first.Version, Change{By: "user:bob", Message: "was wrong"}); err != nil {
		t.Fatal(err)
	}
	if head, _ = s.Flows().Deployment("69"); head.History[0].By != "user:bob" || head.History[0].Message != "was wrong" || head.History[1].By != "user:ann" {
		t.Errorf("history after rolling back: %+v", head.History)
	}
	for _, message := range []string{strings.Repeat("ä", MaxMessage+1), "two\nlines", "a\xffb", "\x1b[31m"} {
		_, err := s.Flows().DeployChange(ctx, second, Change{Message: message})
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Member != "message" {
			t.Errorf("the message %.20q: %v", message, err)
		}
	}
	if _, err := s.Flows().DeployChange(ctx, second, Change{Message: strings.Repeat("ä", MaxMessage)}); err != nil {
		t.Errorf("the longest message: %v", err)
	}
}

// The version that a canary becomes has the author and the message of the canary.
func TestAPromotedCanaryKeepsItsAuthor(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	ctx := t.Context()
	deploy(t, s, parse(t, 69, "", "first"))
	if err := s.Flows().StartCanary(ctx, parse(t, 69, "", "second"), Canary{Percent: 5, By: "user:ann", Message: "try it"}); err != nil {
		t.Fatal(err)
	}
	head, err := s.Flows().Deployment("69")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Flows().PromoteCanary(ctx, 69, head.Canary); err != nil {
		t.Fatal(err)
	}
	if head, _ = s.Flows().Deployment("69"); head.History[0].By != "user:ann" || head.History[0].Message != "try it" {
		t.Errorf("history %+v", head.History)
	}
	if err := s.Flows().StartCanary(ctx, parse(t, 69, "", "third"), Canary{Percent: 5, Message: "a\nb"}); err == nil {
		t.Error("a message of two lines is accepted")
	}
}

func TestAChangeIsBasedOnAVersion(t *testing.T) {
	t.Parallel()
	s := newTestFleet(t).open(t)
	ctx := t.Context()
	first, second, third := parse(t, 69, "", "first"), parse(t, 69, "", "second"), parse(t, 69, "", "third")
	stale := func(what, wantBase, wantCurrent string, err error) {
		t.Helper()
		var e *StaleError
		if !errors.As(err, &e) || e.Base != wantBase || e.Current != wantCurrent {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := s.Flows().DeployChange(ctx, first, Change{Base: second.Version})
	stale("a flow that is gone", second.Version, "", err)
	if _, err := s.Flows().DeployChange(ctx, first, Change{Base: NoVersion}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Flows().DeployChange(ctx, second, Change{Base: NoVersion})
	stale("a flow that is there", "", first.Version, err)
	if _, err := s.Flows().DeployChange(ctx, second, Change{Base: first.Version}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Flows().DeployChange(ctx, third, Change{Base: first.Version})
	stale("an older base", first.Version, second.Version, err)
	if _, err := s.Flows().DeployChange(ctx, second, Change{Base: first.Version}); err != nil {
		t.Errorf("what is current already: %v", err)
	}
	stale("a rollback", third.Version, second.Version, s.Flows().RollbackChange(ctx, 69, first.Version, Change{Base: third.Version}))
	if s.Flows().VersionNow(69) != second.Version {
		t.Error("a refused change was made")
	}
}

// Of changes that are made at once in several processes on the same base, one is made and all others are refused.
func TestOneOfManySavesAtOnce(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	stores := []*Store{f.open(t), f.open(t)}
	base := parse(t, 69, "", "base")
	deploy(t, stores[0], base)
	const saves = 8
	errs := make([]error, saves)
	var all sync.WaitGroup
	for i := range saves {
		flow := parse(t, 69, "", "edit "+string(rune('a'+i)))
		all.Go(func() {
			_, errs[i] = stores[i%2].Flows().DeployChange(t.Context(), flow, Change{Base: base.Version, By: "user:ann"})
		})
	}
	all.Wait()
	made := 0
	for i, err := range errs {
		var stale *StaleError
		switch {
		case err == nil:
			made++
		case !errors.As(err, &stale):
			t.Errorf("save %d: %v", i, err)
		}
	}
	head, err := f.openIdle(t).Flows().Deployment("69")
	if made != 1 || err != nil || len(head.History) != 2 {
		t.Errorf("%d of %d saves were made, history %+v, %v", made, saves, head.History, err)
	}
}

package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func savedNames(all []SavedSearch) string {
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

func TestSavedSearchesAreOfAUserOrShared(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t).open(t)
	ss, ctx := f.SavedSearches(), t.Context()
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for user, name := range map[string]string{"ann": "mine", "bob": "his", "": "ours"} {
		if err := ss.Put(ctx, user, SavedSearch{Name: " " + name + " ", Text: "state:failed", By: "ann", SavedAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	own, shared, err := ss.List(ctx, "ann")
	if err != nil || savedNames(own) != "mine" || savedNames(shared) != "ours" || own[0].Text != "state:failed" || !own[0].SavedAt.Equal(at) {
		t.Errorf("%+v, %+v, %v", own, shared, err)
	}
	if err := ss.Put(ctx, "ann", SavedSearch{Name: "mine", Text: "state:running", By: "ann"}); err != nil {
		t.Fatal(err)
	}
	if own, _, _ := ss.List(ctx, "ann"); len(own) != 1 || own[0].Text != "state:running" {
		t.Errorf("replaced: %+v", own)
	}
	if err := ss.Delete(ctx, "bob", "mine"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another's was deleted: %v", err)
	}
	if err := ss.Delete(ctx, "ann", "mine"); err != nil {
		t.Error(err)
	}
	if own, _, _ := ss.List(ctx, "ann"); len(own) != 0 {
		t.Errorf("deleted: %+v", own)
	}
}

func TestSavedSearchesAreBounded(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t).open(t)
	ss, ctx := f.SavedSearches(), t.Context()
	for _, bad := range []SavedSearch{{Text: "x"}, {Name: "x"}, {Name: strings.Repeat("x", 61), Text: "x"}, {Name: "x", Text: strings.Repeat("x", 1001)}, {Name: "a\nb", Text: "x"}, {Name: "x", Text: "a\x00"}} {
		var invalid *InvalidError
		if err := ss.Put(ctx, "ann", bad); !errors.As(err, &invalid) {
			t.Errorf("%.80q: %v", bad, err)
		}
	}
	var group sync.WaitGroup
	for i := range MaxSearches + 5 {
		group.Go(func() { _ = ss.Put(ctx, "ann", SavedSearch{Name: fmt.Sprint(i), Text: "x"}) }) // the number of those that are kept counts
	}
	group.Wait()
	own, _, err := ss.List(ctx, "ann")
	if err != nil || len(own) != MaxSearches {
		t.Fatalf("%d are kept, %v", len(own), err)
	}
	if err := ss.Put(ctx, "ann", SavedSearch{Name: own[0].Name, Text: "y"}); err != nil {
		t.Errorf("one of as many as may be cannot be replaced: %v", err)
	}
}

func TestSavedSearchesGoWithTheirUser(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t).open(t)
	ctx := t.Context()
	if _, err := f.Users().Create(ctx, User{Name: "ann", Hash: "h"}); err != nil {
		t.Fatal(err)
	}
	if err := f.SavedSearches().Put(ctx, "ann", SavedSearch{Name: "mine", Text: "x"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Users().Delete(ctx, "ann"); err != nil {
		t.Fatal(err)
	}
	if own, _, err := f.SavedSearches().List(ctx, "ann"); err != nil || len(own) != 0 {
		t.Errorf("%+v, %v", own, err)
	}
}

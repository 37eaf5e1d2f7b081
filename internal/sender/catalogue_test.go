package sender_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/sender"
)

// Each entry of the catalogue compiles, and has what its page says.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	all := sender.All()
	if len(all) < 40 {
		t.Errorf("there are %d senders", len(all))
	}
	for _, e := range all {
		spec := &sender.Spec{Scheme: e.Name, User: "u", Audience: "a", Expect: map[string][]string{}}
		for _, need := range e.Needs {
			if _, member, ok := strings.Cut(need, " "); ok {
				spec.Expect[member] = []string{"x"}
			}
		}
		s, err := sender.Compile(spec)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		if e.Title == "" || e.Setup == "" || !strings.HasPrefix(e.Docs, "https://") || s.NeedsSecret() == (e.Secret == "") {
			t.Errorf("%s: title, setup, docs and secret must say what its page needs", e.Name)
		}
		if len(e.Needs) > 0 {
			if _, err := sender.Compile(&sender.Spec{Scheme: e.Name}); err == nil || !strings.Contains(err.Error(), "needs") {
				t.Errorf("%s without what it needs: %v", e.Name, err)
			}
		}
	}
}

// The page of a sender says when the id of a delivery is not signed.
func TestPageOfUnsignedIDs(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"github": true, "shopify": true, "stripe": false, "sns": false, "svix": false, "gitlab": false} {
		e, known := sender.Find(name)
		if !known || strings.Contains(e.Page(), "which is not signed") != want {
			t.Errorf("%s (known: %t): the page says so: %t, want %t", name, known, !want, want)
		}
	}
}

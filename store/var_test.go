package store

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/internal/testenv"
)

func TestVarsOfTheEnvironment(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx := t.Context()
	here, there := f.open(t).Vars(), f.open(t).Vars()
	for name, value := range map[string]string{"crm": `"https://crm.example.org"`, "limit": "12345678901234567890", "team": `{"a":[1]}`} {
		if _, err := here.Put(ctx, name, json.RawMessage(value)); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{"crm": "https://crm.example.org", "limit": json.Number("12345678901234567890"), "team": map[string]any{"a": []any{json.Number("1")}}}
	for name, vs := range map[string]*Vars{"the process that put them": here, "another": there} {
		testenv.Until(t, "the variables in "+name, func() bool { return cmp.Diff(want, vs.Values()) == "" })
	}
	late := f.openIdle(t).Vars() // which reads everything
	if diff := cmp.Diff(want, late.Values()); diff != "" {
		t.Errorf("a process that started later (-want +got)\n%s", diff)
	}
	if err := here.Delete(ctx, "team"); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the end of one", func() bool { _, there := there.Values()["team"]; return !there })
	if err := here.Delete(ctx, "team"); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete what is not there: %v", err)
	}
}

func TestVarsOfTheSettingsReplaceStoredOnes(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	config := f.config(t)
	config.Vars = map[string]any{"crm": "http://127.0.0.1:9"}
	s, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"crm", "other"} {
		if _, err := s.Vars().Put(t.Context(), name, json.RawMessage(`"stored"`)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]any{"crm": "http://127.0.0.1:9", "other": "stored"}, s.Vars().Values()); diff != "" {
		t.Error(diff)
	}
}

func TestVarsAreBounded(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.openIdle(t)
	for name, value := range map[string]string{"null": "null", "text": "x", "empty": "", "large": `"` + strings.Repeat("x", MaxVar) + `"`, "no name": "1"} {
		var invalid *InvalidError
		if _, err := s.Vars().Put(t.Context(), name, json.RawMessage(value)); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	full := s.snapshot.Load()
	for i := range MaxVars {
		full.vars[string(rune('a'+i%26))+strings.Repeat("x", i)] = &Var{}
	}
	var invalid *InvalidError
	if _, err := s.Vars().Put(t.Context(), "one-more", json.RawMessage("1")); !errors.As(err, &invalid) || invalid.Member != "name" {
		t.Errorf("one more than the limit: %v", err)
	}
	if _, err := s.Vars().Put(t.Context(), "a", json.RawMessage("1")); err != nil {
		t.Errorf("replace one at the limit: %v", err)
	}
	if n := f.server.Client().HLen(t.Context(), keyVars).Val(); n != 1 {
		t.Errorf("%d are stored", n)
	}
}

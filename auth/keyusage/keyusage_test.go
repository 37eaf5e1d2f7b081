package keyusage_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

func TestCountsEachSecret(t *testing.T) {
	t.Parallel()
	client := testenv.Redis(t).Client()
	run := func(count func(*keyusage.Counter)) *keyusage.Counter { // as a process would
		t.Helper()
		m, err := keyusage.New(keyusage.Config{Redis: client, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		count(m)
		ctx, stop := context.WithCancel(t.Context())
		stop() // what was counted is written at the end
		if err := m.Run(ctx); err != nil {
			t.Fatal(err)
		}
		return m
	}
	key := &store.Key{Key: "crm", PreviousUntil: time.Now().Add(time.Hour)}
	run(func(m *keyusage.Counter) { m.Count(key, true); m.Count(key, false) })
	m := run(func(m *keyusage.Counter) { m.Count(key, false) })
	use, err := m.Use(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keyusage.Use{Current: 2, Previous: 1}, use, cmpopts.IgnoreFields(keyusage.Use{}, "LastPrevious")); diff != "" {
		t.Error(diff)
	}
	if age := time.Since(use.LastPrevious); age < 0 || age > time.Minute {
		t.Errorf("the old secret was used %v ago", age)
	}
	again := &store.Key{Key: "crm", PreviousUntil: key.PreviousUntil.Add(time.Hour)}
	if use, err := m.Use(t.Context(), again); err != nil || use != (keyusage.Use{}) {
		t.Errorf("another rotation begins with %v, %v", use, err)
	}
	for _, name := range client.Keys(t.Context(), "penstock:secret_use:*").Val() {
		if ttl := client.TTL(t.Context(), name).Val(); ttl < 24*time.Hour || ttl > 26*time.Hour {
			t.Errorf("counts are kept for %v", ttl)
		}
	}
}

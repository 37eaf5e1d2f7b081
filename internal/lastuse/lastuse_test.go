package lastuse

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

func testRecorder(t *testing.T) (*Recorder, *redis.Client, *time.Time) {
	t.Helper()
	opts, err := redis.ParseURL(testenv.Redis(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { client.Close() })
	now := time.Unix(1795280000, 0).UTC()
	r, err := New(Config{Redis: client, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return r, client, &now
}

// flush writes what was noted, as the end of the process does.
func flush(t *testing.T, r *Recorder) {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end()
	if err := r.Run(ended); err != nil {
		t.Fatal(err)
	}
}

func TestLastUses(t *testing.T) {
	t.Parallel()
	r, client, now := testRecorder(t)
	started := *now
	r.Note(Key, "crm")
	r.Note(User, "crm") // another kind
	*now = started.Add(Exactness - time.Second)
	r.Note(Key, "crm") // too soon to be told apart
	flush(t, r)
	*now = started.Add(Exactness)
	r.Note(User, "crm")
	flush(t, r)
	for kind, want := range map[Kind]time.Time{Key: started, User: started.Add(Exactness), Secret: {}} {
		uses, err := r.Of(t.Context(), kind, []string{"erp", "crm"})
		if _, known := uses["erp"]; err != nil || known || !uses["crm"].Equal(want) {
			t.Errorf("%s: %v, %v, want %v", kind, uses, err, want)
		}
	}
	if ttl := client.TTL(t.Context(), keyUses(Key)).Val(); ttl <= 0 {
		t.Errorf("%s to live", ttl)
	}
	if err := r.Forget(t.Context(), Key, "crm"); err != nil {
		t.Fatal(err)
	}
	if uses, err := r.Of(t.Context(), Key, []string{"crm"}); err != nil || len(uses) != 0 {
		t.Errorf("after it was forgotten: %v, %v", uses, err)
	}
	r.Note(Key, "crm")
	flush(t, r)
	if uses, err := r.Of(t.Context(), Key, []string{"crm"}); err != nil || !uses["crm"].Equal(*now) {
		t.Errorf("used again: %v, %v", uses, err)
	}
}

// Without a recorder nothing is known, and nothing fails.
func TestNoRecorder(t *testing.T) {
	t.Parallel()
	var r *Recorder
	r.Note(Key, "crm")
	if uses, err := r.Of(t.Context(), Key, []string{"crm"}); err != nil || uses != nil {
		t.Errorf("%v, %v", uses, err)
	}
	if err := r.Forget(t.Context(), Key, "crm"); err != nil {
		t.Error(err)
	}
}

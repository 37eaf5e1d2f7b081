package store

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPutFillsIn(t *testing.T) {
	t.Parallel()
	ks := newTestFleet(t).open(t).Keys()
	put, err := ks.Put(t.Context(), Key{Name: "CRM"})
	if err != nil {
		t.Fatal(err)
	}
	if len(put.Key) != 16 || len(put.Secret) != 26 || put.Window != DefaultWindow || put.OnReplay != OnReplayRefuse || put.APIAccess {
		t.Errorf("put an empty key = %+v", *put)
	}
	got, err := ks.Key(t.Context(), put.Key)
	if diff := cmp.Diff(put, got); diff != "" || err != nil {
		t.Errorf("the key is not the one that was put (%v):\n%s", err, diff)
	}
}

func TestPutKeepsEveryField(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	for _, want := range []Key{
		{
			Key: "a", Name: "n", Secret: "s|é", Previous: "p", PreviousUntil: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC),
			APIAccess: true, Flows: []int64{69, 1 << 60}, Window: time.Minute, OnReplay: OnReplayAttach,
			Impersonate: []string{"ann"}, PublicKey: "pem", Rate: "10/s",
		},
		{Key: "b", Secret: "s", Flows: []int64{}, Window: time.Hour, OnReplay: OnReplayRefuse}, // no flow at all
		{Key: "c", Secret: "s", Flows: nil, Window: time.Hour, OnReplay: OnReplayRefuse},       // all flows
	} {
		put, err := f.openIdle(t).Keys().Put(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		want.Epoch = put.Epoch // made
		got, err := f.openIdle(t).Keys().Key(t.Context(), want.Key)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("key %s read by another process (-put +read):\n%s", want.Key, diff)
		}
		if got.Allows(69) != (want.Key != "b") || got.Allows(70) != (want.Key == "c") {
			t.Errorf("key %s allows 69: %v, 70: %v", want.Key, got.Allows(69), got.Allows(70))
		}
	}
}

func TestPutRefuses(t *testing.T) {
	t.Parallel()
	ks := newTestFleet(t).open(t).Keys()
	for name, bad := range map[string]Key{
		"a bar in the key": {Key: "a|b"},
		"a long key":       {Key: strings.Repeat("k", 65)},
		"window":           {Key: "k", Window: time.Millisecond},
		"long window":      {Key: "k", Window: 25 * time.Hour},
		"on_replay":        {Key: "k", OnReplay: "ignore"},
	} {
		if _, err := ks.Put(t.Context(), bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if all, err := ks.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("after refusals there are %d keys, %v", len(all), err)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	ks := newTestFleet(t).open(t).Keys()
	ctx := t.Context()
	old, err := ks.Put(ctx, Key{Key: "k", Secret: "first", APIAccess: true, Flows: []int64{1}})
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := ks.Rotate(ctx, "k", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	current, previous := rotated.Secrets(now)
	if current == "first" || previous != "first" {
		t.Errorf("after a rotation the secrets are %q and %q", current, previous)
	}
	if _, previous := rotated.Secrets(now.Add(time.Hour)); previous != "" {
		t.Errorf("after the overlap %q still counts", previous)
	}
	if !slices.Equal(rotated.Flows, old.Flows) || !rotated.APIAccess {
		t.Errorf("a rotation changed more than the secret: %+v", *rotated)
	}
	if _, err := ks.Rotate(ctx, "k", time.Hour); !errors.As(err, new(*RotationError)) {
		t.Errorf("another rotation while the old secret counts: %v", err)
	}
	if k, err := ks.Key(ctx, "k"); err != nil || k.Secret != current || k.Previous != "first" {
		t.Errorf("after a refused rotation the key is %+v, %v", k, err)
	}
	again, err := ks.Rotate(ctx, "k", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, previous := again.Secrets(now); previous != "" {
		t.Errorf("without overlap %q still counts", previous)
	}
	if _, err := ks.Rotate(ctx, "nobody", 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("rotate an unknown key: %v", err)
	}
	if err := ks.Delete(ctx, "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete an unknown key: %v", err)
	}
}

func TestSecretsAreStoredSealedOnly(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	if _, err := s.Keys().Put(t.Context(), Key{Key: "k", Secret: "plain-s3cret"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Keys().Rotate(t.Context(), "k", time.Hour); err != nil {
		t.Fatal(err)
	}
	stored, err := f.server.Client().HGetAll(t.Context(), keyAPIKeys).Result()
	if err != nil || len(stored) != 1 {
		t.Fatalf("read records: %d, %v", len(stored), err)
	}
	current, _ := s.Keys().Key(t.Context(), "k")
	for _, secret := range []string{"plain-s3cret", current.Secret} {
		if strings.Contains(stored["k"], secret) {
			t.Errorf("the record holds a secret: %s", stored["k"])
		}
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	k := Key{Key: "k", Secret: "s3cret", Previous: "s3cret"}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("key", "one", k, "two", &k)
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), fmt.Sprint(&k), logged.String()} {
		if strings.Contains(text, "s3cret") {
			t.Errorf("printed: %s", text)
		}
		if !strings.Contains(text, "k") {
			t.Errorf("the key is not named: %s", text)
		}
	}
}

// A record that cannot be decrypted is distinguished from a missing key, and a process without the fleet's master key
// writes nothing that others could not decrypt.
func TestAnotherMasterKey(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx := t.Context()
	if _, err := f.openIdle(t).Keys().Put(ctx, Key{Key: "old", Secret: "s1"}); err != nil {
		t.Fatal(err)
	}
	older := f.master
	f.master = NewMasterKey()
	s := f.open(t)
	if _, err := s.Keys().Key(ctx, "old"); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("a key under another master key: %v", err)
	}
	if unopened, all, err := s.Keys().Unopened(ctx); unopened != 1 || all != 1 || err != nil {
		t.Errorf("unopened = %d of %d, %v", unopened, all, err)
	}
	if _, err := s.Keys().Put(ctx, Key{Key: "new", Secret: "s2"}); err == nil || !strings.Contains(err.Error(), "does not have") {
		t.Errorf("put without the fleet's master key: %v", err)
	}

	config := f.config(t)
	config.Sealer = sealer(t, f.master, older)
	both, err := Open(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	resealAll(t, both, 1)
	resealAll(t, both, 0)
	if k, err := f.openIdle(t).Keys().Key(ctx, "old"); err != nil || k.Secret != "s1" {
		t.Errorf("after resealing, under the new master key alone: %v, %v", k, err)
	}
}

// resealAll makes the store's first master key the one that seals.
func resealAll(t *testing.T, s *Store, want int) {
	t.Helper()
	if err := s.SwitchMaster(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Reseal(t.Context(), nil); err != nil || p.Resealed != want {
		t.Errorf("resealed %+v, %v; want %d", p, err, want)
	}
}

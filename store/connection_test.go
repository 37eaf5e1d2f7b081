package store

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/penstock/penstock/internal/testenv"
)

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx := t.Context()
	here, there := f.open(t).Connections(), f.open(t).Connections()
	want, err := here.Put(ctx, Connection{
		Name: "crm", Type: "basic", Hosts: []string{"crm.example.org"}, Settings: map[string]string{"username": "u", "password": "s3cret-ü"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, cs := range map[string]*Connections{"the process that put it": here, "another": there} {
		testenv.Until(t, "the connection in "+name, func() bool { _, err := cs.Connection(ctx, "crm"); return err == nil })
		got, err := cs.Connection(ctx, "crm")
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-put +read)\n%s", name, err, diff)
		}
	}
	first, _ := there.Connection(ctx, "crm")
	if again, _ := there.Connection(ctx, "crm"); again != first {
		t.Error("the connection is opened again although nothing changed")
	}
	changed, err := here.Put(ctx, Connection{Name: "crm", Type: "bearer"})
	if err != nil || changed.Version == want.Version {
		t.Errorf("after a change the version is %v, %v", changed, err)
	}
	testenv.Until(t, "the change", func() bool { c, err := there.Connection(ctx, "crm"); return err == nil && c.Type == "bearer" })
	if err := here.Delete(ctx, "crm"); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the end", func() bool { _, err := there.Connection(ctx, "crm"); return errors.Is(err, ErrNotFound) })
	if err := here.Delete(ctx, "crm"); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete what is not there: %v", err)
	}
}

func TestConnectionsAreSealedAsAWhole(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	ctx := t.Context()
	for _, name := range []string{"crm", "other"} {
		c := Connection{Name: name, Type: "basic", Hosts: []string{"h1dden.example.org"}, Settings: map[string]string{"password": "s3cret"}}
		if _, err := s.Connections().Put(ctx, c); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %v", c, c, &c), slog.AnyValue(c).Resolve().String()} {
			if strings.Contains(text, "s3cret") || !strings.Contains(text, name) {
				t.Errorf("printed: %s", text)
			}
		}
	}
	redis := f.server.Client()
	stored, err := redis.HGetAll(ctx, keyConnections).Result()
	if err != nil || len(stored) != 2 {
		t.Fatalf("%d records, %v", len(stored), err)
	}
	for _, text := range []string{"s3cret", "h1dden", "basic"} {
		if strings.Contains(stored["crm"], text) {
			t.Errorf("the record shows %q", text)
		}
	}
	// A record that is moved to another name cannot be decrypted.
	if err := redis.HSet(ctx, keyConnections, "crm", stored["other"]).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.openIdle(t).Connections().Connection(ctx, "crm"); err == nil || !strings.Contains(err.Error(), "belongs to another record") {
		t.Errorf("a record of another connection: %v", err)
	}
	if all, err := f.openIdle(t).Connections().List(ctx); err != nil || len(all) != 1 || all[0].Name != "other" {
		t.Errorf("list = %v, %v; want the one that opens", all, err)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx := t.Context()
	secrets := f.open(t).Secrets()
	for _, bad := range []struct{ name, value string }{{"", "v"}, {"a b", "v"}, {"1a", "v"}, {"a", ""}, {"a", strings.Repeat("v", MaxSecret+1)}} {
		if err := secrets.Put(ctx, bad.name, bad.value); err == nil {
			t.Errorf("%q with %d bytes is accepted", bad.name, len(bad.value))
		}
	}
	if err := secrets.Put(ctx, "gh_hook", "s3cret"); err != nil {
		t.Fatal(err)
	}
	if got, err := secrets.Secret(ctx, "gh_hook"); got != "s3cret" || err != nil {
		t.Errorf("secret = %q, %v", got, err)
	}
	if _, err := secrets.Secret(ctx, "none"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown secret: %v", err)
	}
	all, err := secrets.List(ctx)
	if err != nil || len(all) != 1 || all[0].Name != "gh_hook" || all[0].Value != "" || all[0].UpdatedAt.IsZero() {
		t.Errorf("list = %#v, %v", all, err)
	}
	older := f.master
	f.master = NewMasterKey()
	config := f.config(t)
	config.Sealer = sealer(t, f.master, older)
	both, err := Open(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	resealAll(t, both, 1)
	if got, err := f.openIdle(t).Secrets().Secret(ctx, "gh_hook"); got != "s3cret" || err != nil {
		t.Errorf("under the new key alone: %q, %v", got, err)
	}
	if err := secrets.Delete(ctx, "gh_hook"); err != nil {
		t.Fatal(err)
	}
}

func TestGrantsHaveOneWriter(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx := t.Context()
	here, there := f.openIdle(t).Grants(), f.openIdle(t).Grants()
	c := &Connection{Name: "crm", Version: "v"}
	if _, err := here.Grant(ctx, c); !errors.Is(err, ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	lock, err := here.Lock(ctx, c, time.Minute)
	if lock == "" || err != nil {
		t.Fatalf("lock = %q, %v", lock, err)
	}
	if second, err := there.Lock(ctx, c, time.Minute); second != "" || err != nil {
		t.Errorf("a second lock = %q, %v", second, err)
	}
	want := &Grant{AccessToken: "t0ken", ExpiresAt: time.Now().Add(time.Hour).UTC().Round(0), RefreshToken: "r"}
	if err := there.Save(ctx, c, "not mine", want, time.Minute); !errors.Is(err, ErrLockLost) {
		t.Errorf("save without the lock: %v", err)
	}
	if err := here.Save(ctx, c, lock, want, time.Minute); err != nil {
		t.Fatal(err)
	}
	got, err := there.Grant(ctx, c)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-saved +read)\n%s", err, diff)
	}
	if stored, err := f.server.Client().Get(ctx, keyGrant("crm", "v")).Result(); err != nil || strings.Contains(stored, "t0ken") {
		t.Errorf("stored %q, %v", stored, err)
	}
	if ttl := f.server.Client().TTL(ctx, keyGrant("crm", "v")).Val(); ttl <= 0 || ttl > time.Minute {
		t.Errorf("it lives for %v", ttl)
	}
	if _, err := here.Grant(ctx, &Connection{Name: "crm", Version: "w"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("another version of the connection: %v", err)
	}
	lock, err = there.Lock(ctx, c, time.Minute)
	if lock == "" || err != nil {
		t.Fatalf("after saving the lock is not free: %q, %v", lock, err)
	}
	if err := here.Unlock(ctx, c, "not mine"); err != nil {
		t.Errorf("unlock what is not mine: %v", err)
	}
	if second, _ := here.Lock(ctx, c, time.Minute); second != "" {
		t.Error("somebody else's lock was taken away")
	}
	if err := there.Unlock(ctx, c, lock); err != nil {
		t.Fatal(err)
	}
	if lock, err := here.Lock(ctx, c, time.Minute); lock == "" || err != nil {
		t.Errorf("after unlock: %q, %v", lock, err)
	}
}

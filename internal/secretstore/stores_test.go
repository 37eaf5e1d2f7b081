package secretstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeVault is a Source with leases. Safe for concurrent use.
type fakeVault struct {
	mu      sync.Mutex
	values  map[string]string // of the member "token", by path
	lease   time.Duration     // of new documents; 0: none
	renewed time.Duration     // what a renewal gives
	failure error
	reads   int
	renews  int
	revoked []string
	hold    time.Duration // how long a reading takes
}

func (f *fakeVault) Read(ctx context.Context, path string) (*Document, error) {
	f.mu.Lock()
	f.reads++
	n, failure, value, lease, hold := f.reads, f.failure, f.values[path], f.lease, f.hold
	f.mu.Unlock()
	select {
	case <-time.After(hold):
	case <-ctx.Done():
		return nil, Failure(Unavailable, "it has not answered")
	}
	switch {
	case failure != nil:
		return nil, failure
	case value == "":
		return nil, Failure(Missing, "there is none (404)")
	}
	d := &Document{Members: map[string]string{"token": value, "user": "user of " + value}}
	if lease > 0 {
		d.Members["user"] = fmt.Sprintf("user-%d", n)
		d.Members["token"] = fmt.Sprintf("%s-%d", value, n)
		d.Lease = &Lease{ID: fmt.Sprint("lease-", n), Duration: lease, Renewable: true}
	}
	return d, nil
}

func (f *fakeVault) Renew(_ context.Context, l Lease) (Lease, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renews++
	l.Duration = f.renewed
	return l, f.failure
}

func (f *fakeVault) Revoke(_ context.Context, l Lease) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revoked = append(f.revoked, l.ID)
	return nil
}

func (f *fakeVault) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeVault) count() (reads, renews int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads, f.renews
}

func open(t *testing.T, f *fakeVault, rules Rules) *Stores {
	t.Helper()
	rules.Vault = &VaultRules{Paths: []string{"kv/", "db/"}}
	s, err := New(Config{Rules: rules, Sources: map[string]Source{StoreVault: f}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func wantValue(t *testing.T, s *Stores, ref, want string) {
	t.Helper()
	if got, err := s.Value(t.Context(), ref); got != want || err != nil {
		t.Helper()
		t.Errorf("%s is %q, %v, want %q", ref, got, err, want)
	}
}

const crm = "vault://kv/crm#token"

// A hundred callers at once cause one reading, and the value is read again before it is old, by one goroutine.
func TestOneGoroutineReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{values: map[string]string{"kv/crm": "one"}, hold: time.Second}
		s := open(t, f, Rules{TTL: time.Minute})
		defer s.Close()
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() { wantValue(t, s, crm, "one") })
		}
		callers.Wait()
		if reads, _ := f.count(); reads != 1 {
			t.Errorf("%d readings for 100 callers", reads)
		}
		f.set(func() { f.values["kv/crm"] = "two" })
		time.Sleep(61 * time.Second)
		wantValue(t, s, crm, "two")
		if reads, _ := f.count(); reads != 2 {
			t.Errorf("%d readings after a minute, want 2", reads)
		}
	})
}

// While a store is away, the last value is used up to the bound; then the error names the reference, not the value. What the
// store refuses for good is used for its time only.
func TestAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{values: map[string]string{"kv/crm": "the-value"}}
		s := open(t, f, Rules{TTL: time.Minute, Stale: time.Hour})
		defer s.Close()
		wantValue(t, s, crm, "the-value")
		f.set(func() { f.failure = Failure(Sealed, "Vault is sealed (503)") })
		for range 50 { // a use a minute
			time.Sleep(time.Minute)
			wantValue(t, s, crm, "the-value")
		}
		troubles := s.Troubles()
		if len(troubles) != 1 || troubles[0].Reference != "vault://kv/crm" || troubles[0].Reason != "Vault is sealed (503)" || troubles[0].Until.IsZero() || time.Since(troubles[0].Since) < 49*time.Minute {
			t.Errorf("troubles: %+v", troubles)
		}
		if n := s.Stats()[StoreVault]; n.Failing != 1 || n.Failures[Sealed] < 90 || n.Age < 50*time.Minute {
			t.Errorf("figures: %+v", n)
		}
		time.Sleep(12 * time.Minute)
		_, err := s.Value(t.Context(), crm)
		var failed *Error
		if !errors.As(err, &failed) || !failed.Temporary() || err.Error() != crm+" cannot be read: Vault is sealed (503)" {
			t.Errorf("after the bound: %v", err)
		}
		if troubles := s.Troubles(); len(troubles) != 1 || !troubles[0].Until.IsZero() {
			t.Errorf("troubles after the bound: %+v", troubles)
		}
		f.set(func() { f.failure = nil })
		time.Sleep(31 * time.Second)
		wantValue(t, s, crm, "the-value")
		if left := s.Troubles(); len(left) > 0 {
			t.Errorf("troubles that are over: %+v", left)
		}
		f.set(func() { f.failure = Failure(Denied, "Vault denies access (403)") })
		time.Sleep(61 * time.Second)
		if _, err := s.Value(t.Context(), crm); !errors.As(err, &failed) || failed.Kind != Denied {
			t.Errorf("a value that is refused for longer than its time: %v", err)
		}
	})
}

// A caller of a store that never answered gets the error, and many callers do not ask it more often.
func TestAStoreThatNeverAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{failure: Failure(Unavailable, "it is away")}
		s := open(t, f, Rules{})
		defer s.Close()
		for range 100 {
			if _, err := s.Value(t.Context(), crm); !Temporary(err) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if reads, _ := f.count(); reads > 12 {
			t.Errorf("%d readings within 10 s", reads)
		}
		f.set(func() { f.failure, f.values = nil, map[string]string{"kv/crm": "there"} })
		time.Sleep(2 * time.Second)
		wantValue(t, s, crm, "there")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f.set(func() { f.hold = time.Minute })
		if _, err := s.Value(ctx, "vault://kv/slow#token"); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who has gone: %v", err)
		}
	})
}

// User and password are of one lease. A lease is renewed while it can be, and replaced before it ends.
func TestLeases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{values: map[string]string{"db/app": "pw"}, lease: time.Minute, renewed: time.Minute}
		s := open(t, f, Rules{TTL: time.Second})
		both := map[string]string{"username": "vault://db/app#user", "password": "vault://db/app#token"}
		pair := func() (string, string) {
			t.Helper()
			got, version, err := s.Values(t.Context(), both)
			if err != nil {
				t.Fatal(err)
			}
			if user, word := strings.TrimPrefix(got["username"], "user-"), strings.TrimPrefix(got["password"], "pw-"); user != word {
				t.Errorf("user %s has the password of %s", user, word)
			}
			return got["username"], version
		}
		first, version := pair()
		for range 20 { // ten minutes
			time.Sleep(30 * time.Second)
			if user, v := pair(); user != first || v != version {
				t.Fatalf("another user %s, version %s, while the lease is renewed", user, v)
			}
		}
		f.set(func() { f.renewed = 10 * time.Second }) // near its maximum
		second, next := first, version
		for i := 0; i < 50 && second == first; i++ { // when it is replaced is random
			time.Sleep(time.Second)
			second, next = pair()
		}
		if second == first || next == version {
			t.Errorf("the credential was not replaced before the end of its lease")
		}
		f.set(func() { f.failure = Failure(Unavailable, "it is away") })
		time.Sleep(30 * time.Second)
		if user, _ := pair(); user != second {
			t.Errorf("user %s while the store is away", user)
		}
		time.Sleep(31 * time.Second)
		if _, err := s.Value(t.Context(), both["password"]); err == nil {
			t.Error("a credential was given out after the end of its lease")
		}
		f.set(func() { f.failure = nil })
		time.Sleep(31 * time.Second)
		pair()
		if err := s.Close(); err != nil || len(f.revoked) != 1 {
			t.Errorf("at the end %q are revoked, %v", f.revoked, err)
		}
	})
}

// A server that refuses a value causes one reading, and at most one in ten seconds.
func TestRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{values: map[string]string{"kv/crm": "one"}, hold: 100 * time.Millisecond}
		s := open(t, f, Rules{TTL: time.Hour})
		defer s.Close()
		wantValue(t, s, crm, "one")
		f.set(func() { f.values["kv/crm"] = "two" })
		time.Sleep(11 * time.Second)
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				s.Refresh(t.Context(), map[string]string{"a": crm, "b": "vault://kv/crm#user"})
				wantValue(t, s, crm, "two")
			})
		}
		callers.Wait()
		for range 50 {
			s.Refresh(t.Context(), map[string]string{"a": crm})
		}
		if reads, _ := f.count(); reads > 3 {
			t.Errorf("%d readings for one rotation", reads)
		}
	})
}

// What is not used any more is forgotten.
func TestWhatIsNotUsedIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeVault{values: map[string]string{"kv/crm": "one"}}
		s := open(t, f, Rules{TTL: time.Minute})
		defer s.Close()
		wantValue(t, s, crm, "one")
		time.Sleep(2 * time.Hour)
		before, _ := f.count()
		time.Sleep(10 * time.Hour)
		after, _ := f.count()
		if n := s.Stats()[StoreVault].References; n != 0 || after != before {
			t.Errorf("%d references are kept, with %d readings", n, after-before)
		}
		wantValue(t, s, crm, "one")
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := open(t, &fakeVault{}, Rules{})
	defer s.Close()
	for text, want := range map[string]string{
		crm: "", "vault://other/crm#token": "the operator's rules", "file:///run/a": "the operator's rules", "exec://aws": "the operator's rules", "env://A_B": "the operator's rules", "s3cr3t": "is no reference",
	} {
		if err := s.Check(text); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"s3cr3t", "vault://other/crm#token"} {
		if _, err := s.Value(t.Context(), text); err == nil || Temporary(err) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

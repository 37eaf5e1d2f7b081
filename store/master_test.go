package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// run makes a store take part until the test ends.
func run(t *testing.T, s *Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

// startProcess is a process with master keys of its own.
func (f *testFleet) startProcess(t *testing.T, keys ...[]byte) (s *Store, stop func()) {
	t.Helper()
	config := f.config(t)
	config.Sealer, config.Settle, config.Process = sealer(t, keys...), 100*time.Millisecond, Process{Role: "api"}
	s, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return s, run(t, s)
}

// One process after the other gets the new key, then loses the old one. At every moment each of them can decrypt
// everything.
func TestRotatingTheMasterKey(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx := t.Context()
	k1, k2 := NewMasterKey(), NewMasterKey()
	one, stopOne := f.startProcess(t, k1)
	two, stopTwo := f.startProcess(t, k1)
	connection, err := one.Connections().Put(ctx, Connection{Name: "crm", Type: "basic"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range resealBatch + 10 {
		if i%100 == 0 { // the others as earlier versions stored them: in no log
			if _, err := one.Keys().Put(ctx, Key{Key: fmt.Sprint("k", i), Secret: "s", Previous: "p", PreviousUntil: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		record, _ := one.sealKey(one.snapshot.Load(), &Key{Key: fmt.Sprint("k", i), Secret: "s", Window: time.Minute})
		f.server.Client().HSet(ctx, keyAPIKeys, fmt.Sprint("k", i), record)
	}
	if err := two.Secrets().Put(ctx, "s", "v"); err != nil {
		t.Fatal(err)
	}
	grant(t, one, connection)
	reads := func(when string, all ...*Store) {
		t.Helper()
		for _, s := range all {
			follow(t, s)
			if unopened, n, err := s.Keys().Unopened(ctx); unopened != 0 || n != resealBatch+10 || err != nil {
				t.Errorf("%s: %d of %d keys do not open, %v", when, unopened, n, err)
			}
			if _, err := s.Secrets().Secret(ctx, "s"); err != nil {
				t.Errorf("%s: %v", when, err)
			}
			if _, err := s.Grants().Grant(ctx, connection); err != nil {
				t.Errorf("%s: %v", when, err)
			}
			if err := s.Ready(); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
	}
	sealedWith := func(s *Store, key []byte) func() bool {
		return func() bool { return s.snapshot.Load().master == keyID(key) }
	}

	stopOne()
	one, stopOne = f.startProcess(t, k2, k1)
	if err := one.Secrets().Put(ctx, "s", "again"); err != nil {
		t.Fatal(err)
	}
	reads("one has both", one, two)
	if !sealedWith(one, k1)() {
		t.Error("the new key seals before all have it")
	}
	stopTwo()
	two, stopTwo = f.startProcess(t, k2, k1)
	testenv.Until(t, "the new key seals", sealedWith(two, k2))
	testenv.Until(t, "everything is sealed again", func() bool { return !one.unopened.isStale() && !two.unopened.isStale() && !anyStale(t, two) })
	reads("both have both", one, two)
	if one.MasterKey() != 0 {
		t.Errorf("the key at place %d seals", one.MasterKey())
	}
	// A process with the old key alone starts late.
	late, stopLate := f.startProcess(t, k1)
	if err := late.Ready(); err == nil || !strings.Contains(err.Error(), keyID(k2)) {
		t.Errorf("with the old key alone: %v", err)
	}
	if err := late.Secrets().Put(ctx, "s", "lost"); err == nil {
		t.Error("it writes what the others may not read")
	}
	stopLate()
	stopOne()
	one, _ = f.startProcess(t, k2)
	reads("one has the new key alone", one, two)
	stopTwo()
	two, _ = f.startProcess(t, k2)
	reads("both have the new key alone", one, two)
}

// anyStale reports whether any record is not sealed under the fleet's key.
func anyStale(t *testing.T, s *Store) (found bool) {
	t.Helper()
	for _, k := range sealedKinds {
		err := s.scan(t.Context(), k, func(_, data string) { found = found || s.isStale(s.snapshot.Load(), k, data) })
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func grant(t *testing.T, s *Store, c *Connection) {
	t.Helper()
	lock, err := s.Grants().Lock(t.Context(), c, time.Minute)
	if err == nil {
		err = s.Grants().Save(t.Context(), c, lock, &Grant{AccessToken: "t"}, time.Hour)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAgreement(t *testing.T) {
	t.Parallel()
	now := time.Unix(1795280000, 0)
	has := func(id string, keys ...string) Process { return Process{ID: id, Keys: keys} }
	var a agreement
	steps := []struct {
		name string
		at   time.Duration
		all  []Process
		want bool
	}{
		{"one has it", 0, []Process{has("a", "new", "old"), has("b", "old")}, false},
		{"both have it, not first", 1, []Process{has("a", "new", "old"), has("b", "old", "new")}, false},
		{"both", 2, []Process{has("a", "new", "old"), has("b", "new", "old")}, false},
		{"not yet for long", 11, []Process{has("a", "new", "old"), has("b", "new", "old")}, false},
		{"one is away", 12, []Process{has("a", "new", "old")}, false},
		{"it comes back as it was", 13, []Process{has("a", "new", "old"), has("b", "old")}, false},
		{"both again", 14, []Process{has("a", "new", "old"), has("c", "new", "old")}, false},
		{"for long enough", 24, []Process{has("a", "new", "old"), has("c", "new", "old")}, true},
		{"nobody", 40, nil, false},
	}
	for _, s := range steps {
		if got := a.reached("new", s.all, now.Add(s.at*time.Second), 10*time.Second); got != s.want {
			t.Errorf("%s: %v", s.name, got)
		}
	}
}

func TestSwitchMasterRefuses(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	k1, k2 := NewMasterKey(), NewMasterKey()
	f.startProcess(t, k1)
	config := f.config(t)
	config.Sealer = sealer(t, k2, k1)
	s, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SwitchMaster(t.Context()); err == nil || !strings.Contains(err.Error(), "does not have master key") {
		t.Errorf("switch: %v", err)
	}
}

func TestVersionsThatDoNotFit(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx, client := t.Context(), f.server.Client()
	s, _ := f.startProcess(t, f.master)
	later := Process{ID: "later", Role: "worker", Protocol: Protocol + 1, LeastProtocol: Protocol + 1, Started: time.Now().Add(time.Hour)}
	earlier := later
	earlier.ID, earlier.Started = "earlier", time.Now().Add(-time.Hour)
	s.fleet.Store(&[]Process{s.config.Process, later})
	if err := s.Ready(); err != nil {
		t.Errorf("a process that came later is refused by the one that was there: %v", err)
	}
	s.fleet.Store(&[]Process{earlier, s.config.Process})
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "speaks protocol") {
		t.Errorf("beside an older process that it does not understand: %v", err)
	}
	s.fleet.Store(&[]Process{s.config.Process})

	client.HSet(ctx, keySchema, "version", Schema+1, "least", Schema+1)
	follow(t, s)
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "upgrade this process") {
		t.Errorf("when the schema moved on: %v", err)
	}
	if _, err := Open(ctx, f.config(t)); err == nil || !strings.Contains(err.Error(), "works up to schema 3") {
		t.Errorf("open: %v", err)
	}
}

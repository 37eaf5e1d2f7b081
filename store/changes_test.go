package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// commandCalls returns how often a command of Redis was called so far.
func (f *testFleet) commandCalls(t *testing.T, command string) int {
	t.Helper()
	info, err := f.server.Client().InfoMap(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	var calls int
	_, _ = fmt.Sscanf(info["Commandstats"]["cmdstat_"+command], "calls=%d", &calls)
	return calls
}

// A change costs each process the changed records: it does not read a hash as a whole.
func TestAChangeIsOneRecord(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	here, there := f.openIdle(t), f.openIdle(t)
	dir := fstest.MapFS{}
	for i := range 50 {
		dir[fmt.Sprintf("%d.yaml", i)] = file(fmt.Sprintf("flow: %d\nslug: s%d", i+1, i+1) + rest)
	}
	load(t, here, dir)
	follow(t, there)
	before := f.commandCalls(t, "hgetall")
	deploy(t, here, parse(t, 7, "seven", "new"))
	if _, err := here.Keys().Put(t.Context(), Key{Key: "k", APIAccess: true}); err != nil {
		t.Fatal(err)
	}
	if err := here.Flows().Delete(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	follow(t, there)
	if flow, ok := there.Flows().Find("seven"); !ok || flow.Name != "new" {
		t.Errorf("the change = %v, %v", flow, ok)
	}
	for _, gone := range []string{"s7", "s8", "8"} {
		if _, ok := there.Flows().Find(gone); ok {
			t.Errorf("%q is still found", gone)
		}
	}
	if n := len(there.Flows().List()); n != 49 {
		t.Errorf("%d flows, want 49", n)
	}
	if n := f.commandCalls(t, "hgetall") - before; n != 0 {
		t.Errorf("%d hashes were read as a whole", n)
	}
}

// follow lets a store that does not run read the changes.
func follow(t *testing.T, s *Store) {
	t.Helper()
	if err := s.refresh(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

// A cached credential is dropped by the change that replaces it.
func TestARememberedRecordIsForgotten(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx := t.Context()
	here, there := f.openIdle(t), f.openIdle(t)
	for i := range 3 {
		want := fmt.Sprint("secret", i)
		if _, err := here.Keys().Put(ctx, Key{Key: "k", Secret: want}); err != nil {
			t.Fatal(err)
		}
		if err := here.Secrets().Put(ctx, "s", want); err != nil {
			t.Fatal(err)
		}
		follow(t, there)
		for range 2 { // from Redis, then from memory
			k, err := there.Keys().Key(ctx, "k")
			if err != nil || k.Secret != want {
				t.Fatalf("key = %v, %v; want %s", k, err, want)
			}
			if s, err := there.Secrets().Secret(ctx, "s"); s != want || err != nil {
				t.Fatalf("secret = %q, %v", s, err)
			}
		}
	}
	before := f.commandCalls(t, "hget")
	if _, err := there.Keys().Key(ctx, "k"); err != nil {
		t.Fatal(err)
	}
	if n := f.commandCalls(t, "hget") - before; n != 0 {
		t.Errorf("a key that is remembered was read %d times", n)
	}
}

// A record that was read before a change, and arrived after the change was announced, is not cached.
func TestALateRecordIsNotKept(t *testing.T) {
	t.Parallel()
	var r recordCache[int]
	_, era := r.find("a")
	r.forget(map[string]*string{"b": nil})
	old := 1
	r.keep("a", &old, era)
	if found, _ := r.find("a"); found != nil {
		t.Errorf("kept %d", *found)
	}
	for i := range maxCachedRecords + 10 {
		_, era = r.find("")
		r.keep(fmt.Sprint(i), &old, era)
	}
	if len(r.opened) > maxCachedRecords {
		t.Errorf("%d are kept", len(r.opened))
	}
}

// A process of schema 1 changes the store without an entry in the log, and this process must detect it: the revision
// counts every change.
func TestChangesOfAnEarlierVersionAreSeen(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx, client := t.Context(), f.server.Client()
	s := f.openIdle(t)
	flow := parse(t, 5, "five", "old")
	// These are the writes of schema 1.
	pipe := client.TxPipeline()
	pipe.Set(ctx, keySource(5, flow.Version), flow.Source, 0)
	pipe.HSet(ctx, keyFlows, "5", fmt.Sprintf(`{"number":5,"slug":"five","version":%q,"enabled":true,"history":[]}`, flow.Version))
	pipe.Incr(ctx, keyRevision)
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	follow(t, s)
	if found, ok := s.Flows().Find("five"); !ok || found.Name != "old" {
		t.Errorf("the flow of an earlier version = %v, %v", found, ok)
	}
	deploy(t, s, parse(t, 6, "six", "new"))
	if rev := client.Get(ctx, keyRevision).Val(); rev != "2" {
		t.Errorf("revision = %s, want 2: an earlier version must see the change", rev)
	}
	if fresh := f.openIdle(t); len(fresh.Flows().List()) != 2 {
		t.Errorf("a new process has %+v", fresh.Flows().List())
	}
	if s.Setbacks() != 0 {
		t.Error("an earlier version is taken for a store that went back")
	}
}

// After a log that was cut, and after changes of more records than an entry names, the process reads everything.
func TestAMissedChangeIsRepaired(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	here, there := f.openIdle(t), f.openIdle(t)
	deploy(t, here, parse(t, 1, "", "first"))
	deploy(t, here, parse(t, 2, "", "second"))
	if err := f.server.Client().Del(t.Context(), keyLog).Err(); err != nil {
		t.Fatal(err)
	}
	deploy(t, here, parse(t, 3, "", "third"))
	follow(t, there)
	if n := len(there.Flows().List()); n != 3 {
		t.Errorf("%d flows, want 3", n)
	}
	many := fstest.MapFS{}
	for i := range maxNames + 1 {
		many[fmt.Sprintf("%d.yaml", i)] = file(fmt.Sprintf("flow: %d", 10+i) + rest)
	}
	load(t, here, many)
	follow(t, there)
	if n := len(there.Flows().List()); n != 3+len(many) {
		t.Errorf("%d flows, want %d", n, 3+len(many))
	}
	if there.Setbacks() != 0 {
		t.Error("a cut log is taken for a store that went back")
	}
}

// A directory is one change; a directory that is already deployed is none, and is not compiled.
func TestADirectoryIsOneChange(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.openIdle(t)
	dir := fstest.MapFS{}
	for i := range 40 {
		dir[fmt.Sprintf("%d.yaml", i)] = file(fmt.Sprintf("flow: %d\nslug: s%d", i+1, i+1) + rest)
	}
	load(t, s, dir)
	if rev := s.snapshot.Load().rev; rev != 1 {
		t.Errorf("revision = %d after a directory, want 1", rev)
	}
	again := f.openIdle(t)
	if changed, problems := load(t, again, dir); changed != nil || problems != nil {
		t.Errorf("loading again: %q, %q", changed, problems)
	}
	if n := len(again.versions.byID); n != 0 {
		t.Errorf("%d flows were compiled that had not changed", n)
	}
	// Two flows exchange their slugs in one transaction.
	dir["0.yaml"], dir["1.yaml"] = file("flow: 1\nslug: other"+rest), file("flow: 2\nslug: s1"+rest)
	if changed, problems := load(t, again, dir); len(changed) != 2 || problems != nil {
		t.Errorf("changed %q, %q", changed, problems)
	}
	if flow, ok := again.Flows().Find("s1"); !ok || flow.Number != 2 {
		t.Errorf("s1 = %v, %v", flow, ok)
	}
}

// A flow that another catalogue deployed is compiled again, once: this binary may not know a kind.
func TestAnotherCatalogueCompilesAgain(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	dir := fstest.MapFS{"a.yaml": file("flow: 1" + rest)}
	load(t, f.openIdle(t), dir)
	config := f.config(t)
	config.Catalogue = flows.NewCatalogue()
	old, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := load(t, old, dir); len(problems) != 1 || !strings.Contains(problems[0], "echo") {
		t.Errorf("problems: %q", problems)
	}
}

// Redis is emptied, or restored from an older copy, under a running process.
func TestAStoreThatGoesBack(t *testing.T) {
	t.Parallel()
	for name, goBack := range map[string]func(*testing.T, *testFleet){
		"emptied": func(t *testing.T, f *testFleet) { f.server.Client().FlushAll(t.Context()) },
		"emptied, and more was changed since": func(t *testing.T, f *testFleet) {
			f.server.Client().FlushAll(t.Context())
			f.server.Client().Set(t.Context(), keyRevision, 100, 0)
		},
		"a change lost, and another one made": func(t *testing.T, f *testFleet) {
			c := f.server.Client()
			id := fmt.Sprintf("%s-0", c.Get(t.Context(), keyRevision).Val())
			c.HDel(t.Context(), keyFlows, "1")
			c.XDel(t.Context(), keyLog, id)
			c.Do(t.Context(), "XADD", keyLog, fmt.Sprintf("%s-1", strings.TrimSuffix(id, "-0")), "names", "", "tag", "other")
			c.Decr(t.Context(), keyRevision)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newTestFleet(t)
			restored := make(chan *Store, 10) // more than there will be
			var s *Store
			config := f.config(t)
			config.Process = Process{Role: "api"}
			config.Restore = func(ctx context.Context) error {
				if s.Ready() == nil {
					t.Error("ready before it is restored")
				}
				_, err := s.Flows().Deploy(ctx, parse(t, 1, "one", "restored"))
				restored <- s
				return err
			}
			s, err := Open(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			run(t, s)
			deploy(t, s, parse(t, 2, "two", "second"))
			deploy(t, s, parse(t, 1, "one", "first"))
			goBack(t, f)
			testenv.Receive(t, restored, "the restored store")
			testenv.Until(t, "ready again", func() bool { return s.Ready() == nil })
			if flow, ok := s.Flows().Find("one"); !ok || flow.Name != "restored" {
				t.Errorf("flow = %v, %v", flow, ok)
			}
			if s.Setbacks() != 1 {
				t.Errorf("went back %d times, want 1", s.Setbacks())
			}
			if all, err := s.Processes(t.Context()); err != nil || len(all) != 1 {
				t.Errorf("the emptied store knows the processes %v, %v", all, err)
			}
		})
	}
}

// A record that no process can decrypt makes no process unready; one that another master key sealed does, and is
// named.
func TestReadiness(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	ctx := t.Context()
	s := f.openIdle(t)
	for _, name := range []string{"a", "b"} {
		if err := s.Secrets().Put(ctx, name, "v4lue"); err != nil {
			t.Fatal(err)
		}
	}
	records := f.server.Client().HGetAll(ctx, keySecrets).Val()
	f.server.Client().HSet(ctx, keySecrets, "b", records["a"])
	damaged := f.openIdle(t)
	if err := damaged.Ready(); err != nil || damaged.Unopened() != 1 {
		t.Errorf("with a damaged record: %v, %d unopened", err, damaged.Unopened())
	}
	f.master = NewMasterKey()
	other := f.openIdle(t)
	err := other.Ready()
	if err == nil || other.Unopened() != 2 {
		t.Fatalf("with another master key: %v, %d unopened", err, other.Unopened())
	}
	if _, err := other.Secrets().Secret(ctx, "a"); !errors.As(err, new(*MissingKeyError)) {
		t.Errorf("secret: %v", err)
	}
	if strings.Contains(err.Error(), "v4lue") {
		t.Errorf("a value is told: %v", err)
	}
	if named := other.unopened.readiness(); named == nil || !strings.Contains(named.Error(), "secret/a") {
		t.Errorf("the record is not named: %v", named)
	}
}

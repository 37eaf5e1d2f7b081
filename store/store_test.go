package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
)

// catalogue has one kind: echo returns its item.
func catalogue() *flows.Catalogue {
	return flows.NewCatalogue(flows.Kind{
		Name: "echo", Summary: "Puts out what comes in.",
		New: func(*flows.Args) (flows.Runner, error) {
			return flows.RunFunc(func(_ context.Context, in *flows.Input) ([]any, error) { return []any{in.Value()}, nil }), nil
		},
	})
}

// testFleet is a Redis with a master key that several stores share.
type testFleet struct {
	server *testenv.RedisServer
	master []byte
	log    slog.Handler
}

func newTestFleet(t *testing.T) *testFleet {
	t.Helper()
	return &testFleet{testenv.Redis(t), NewMasterKey(), slog.DiscardHandler}
}

func (f *testFleet) config(t *testing.T) Config {
	t.Helper()
	return Config{Redis: f.server.Client(), Sealer: sealer(t, f.master), Catalogue: catalogue(), Log: slog.New(f.log)}
}

// open starts one process of the fleet. Its Run ends with the test.
func (f *testFleet) open(t *testing.T) *Store {
	t.Helper()
	s := f.openIdle(t)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return s
}

// openIdle starts a process without Run.
func (f *testFleet) openIdle(t *testing.T) *Store {
	t.Helper()
	s, err := Open(t.Context(), f.config(t))
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	return s
}

// parse makes a flow from lines; the version follows from the text.
func parse(t *testing.T, number int64, slug, name string) *flows.Flow {
	t.Helper()
	source := fmt.Sprintf("flow: %d\nname: %s\n", number, name)
	if slug != "" {
		source += "slug: " + slug + "\n"
	}
	flow, err := flows.Parse("test.yaml", []byte(source+"steps: [{echo: {}}]\n"), catalogue())
	if err != nil {
		t.Fatalf("parse flow: %v", err)
	}
	return flow
}

func deploy(t *testing.T, s *Store, flow *flows.Flow) {
	t.Helper()
	if _, err := s.Flows().Deploy(t.Context(), flow); err != nil {
		t.Fatalf("deploy: %v", err)
	}
}

func TestAChangeIsSeenByOthers(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	here, there := f.open(t), f.open(t)
	deploy(t, here, parse(t, 1, "one", "first"))
	if flow, ok := here.Flows().Find("one"); !ok || flow.Name != "first" {
		t.Error("the process that deployed does not see its flow")
	}
	testenv.Until(t, "the flow in another process", func() bool { _, ok := there.Flows().Find("one"); return ok })

	ctx := t.Context()
	key, err := here.Keys().Put(ctx, Key{APIAccess: true})
	if err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the key in another process", func() bool { _, err := there.Keys().Key(ctx, key.Key); return err == nil })
	if err := there.Keys().Delete(ctx, key.Key); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the end of the key", func() bool {
		_, err := here.Keys().Key(ctx, key.Key)
		return errors.Is(err, ErrNotFound)
	})
}

// Without Run there is no subscription: the trust in the memory then expires.
func TestAKeyIsNotTrustedForLongerThanASecond(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	here, there := f.open(t), f.openIdle(t)
	ctx := t.Context()
	key, err := here.Keys().Put(ctx, Key{APIAccess: true})
	if err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the key in a process that does not listen", func() bool { _, err := there.Keys().Key(ctx, key.Key); return err == nil })
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	s := f.open(t)
	ctx := t.Context()
	deploy(t, s, parse(t, 1, "", "first"))
	key, err := s.Keys().Put(ctx, Key{APIAccess: true})
	if err != nil {
		t.Fatal(err)
	}
	f.server.Kill()
	testenv.Until(t, "the end of trust in the key", func() bool {
		_, err := s.Keys().Key(ctx, key.Key)
		return err != nil && !errors.Is(err, ErrNotFound)
	})
	if _, ok := s.Flows().Find("1"); !ok {
		t.Error("a flow is no longer served while Redis is away")
	}
	f.server.Restart() // empty: nothing was written to disk
	testenv.Until(t, "the loss", func() bool { _, err := s.Keys().Key(ctx, key.Key); return errors.Is(err, ErrNotFound) })
}

// Concurrent changes to one store are all present in the end.
func TestConcurrentChanges(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	stores := []*Store{f.open(t), f.open(t)}
	const each = 8
	var all sync.WaitGroup
	for i := range each {
		for j, s := range stores {
			flow := parse(t, int64(1+i*len(stores)+j), "", "flow")
			all.Go(func() {
				if _, err := s.Flows().Deploy(t.Context(), flow); err != nil {
					t.Errorf("deploy: %v", err)
				}
			})
		}
	}
	all.Wait()
	for _, s := range stores {
		testenv.Until(t, "all flows", func() bool { return len(s.Flows().List()) == each*len(stores) })
	}
	if rev, err := f.server.Client().Get(t.Context(), keyRevision).Int(); err != nil || rev != each*len(stores) {
		t.Errorf("revision = %d, %v; want one for each change, %d", rev, err, each*len(stores))
	}
}

// All keys of the store share a slot; otherwise its transactions would fail on a Cluster.
func TestKeysShareASlot(t *testing.T) {
	t.Parallel()
	c := testenv.Redis(t, "--cluster-enabled", "yes").Client()
	var first int64 = -1
	for _, key := range []string{keyRevision, keyFlows, keyAPIKeys, keySource(69, "abc")} {
		slot, err := c.ClusterKeySlot(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		if first == -1 {
			first = slot
		}
		if slot != first {
			t.Errorf("key %s is in slot %d, others in %d", key, slot, first)
		}
		if !strings.HasPrefix(key, "penstock:") {
			t.Errorf("key %s has not our prefix", key)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	if _, err := Open(t.Context(), Config{}); err == nil {
		t.Error("open without anything: no error")
	}
	nobody := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer nobody.Close()
	_, err := Open(t.Context(), Config{Redis: nobody, Sealer: sealer(t, NewMasterKey()), Catalogue: catalogue(), Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "open store: ") {
		t.Errorf("open without a Redis: %v", err)
	}
}

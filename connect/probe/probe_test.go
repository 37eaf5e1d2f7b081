package probe

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// sealed is a Sealer under one master key.
type sealed struct{ *store.Sealer }

func (s sealed) Seal(record, secret string) (string, error) {
	return s.Sealer.Seal(record, secret), nil
}
func (s sealed) Unseal(record, text string) (string, error) { return s.Sealer.Open(record, text) }

func newSealer(t *testing.T, key []byte) sealed {
	t.Helper()
	s, err := store.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	return sealed{s}
}

// asked is a Resolver and a store whose answers are fixed.
type asked struct {
	test   func(ctx context.Context, name, target string) (string, error)
	redeem func(c *store.Connection, k connect.Consent, code string) (string, error)
}

func (a asked) Test(ctx context.Context, name, target string) (string, error) {
	return a.test(ctx, name, target)
}

func (a asked) Redeem(_ context.Context, c *store.Connection, k connect.Consent, code string) (string, error) {
	return a.redeem(c, k, code)
}

func (a asked) Connection(_ context.Context, name string) (*store.Connection, error) {
	return &store.Connection{Name: name, Version: "v1"}, nil
}

// testFleet is a Redis with API processes and workers that share a master key.
type testFleet struct {
	t      *testing.T
	redis  redis.UniversalClient
	sealer sealed
	live   int // workers that the API process believes to live
}

func newTestFleet(t *testing.T) *testFleet {
	t.Helper()
	options, err := redis.ParseURL(testenv.Redis(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return &testFleet{t: t, redis: client, sealer: newSealer(t, store.NewMasterKey())}
}

func (f *testFleet) client() *Client {
	return NewClient(f.redis, f.sealer, func(context.Context) (int, error) { return f.live, nil })
}

// worker starts a worker, and waits until it receives questions.
func (f *testFleet) worker(name string, sealer Sealer, a asked) {
	f.t.Helper()
	before := f.receivers()
	ctx, cancel := context.WithCancel(f.t.Context())
	ended := make(chan error, 1)
	server := NewServer(ServerConfig{Redis: f.redis, Sealer: sealer, Resolver: a, Connections: a, Worker: name, Log: slog.New(slog.DiscardHandler)})
	go func() { ended <- server.Run(ctx) }()
	f.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			f.t.Error(err)
		}
	})
	testenv.Until(f.t, "the worker listens", func() bool { return f.receivers() > before })
}

func (f *testFleet) receivers() int64 {
	ctx := context.WithoutCancel(f.t.Context())
	cluster, spread := f.redis.(*redis.ClusterClient)
	if !spread {
		n, err := f.redis.PubSubNumSub(ctx, channel).Result()
		if err != nil {
			f.t.Fatal(err)
		}
		return n[channel]
	}
	var all atomic.Int64
	if err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
		n, err := node.PubSubShardNumSub(ctx, channel).Result()
		all.Add(n[channel])
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	return all.Load()
}

func TestOnACluster(t *testing.T) {
	t.Parallel()
	var addrs []string
	for _, node := range testenv.Cluster(t).Nodes {
		addrs = append(addrs, node.Addr)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { _ = client.Close() })
	f := &testFleet{t: t, redis: client, sealer: newSealer(t, store.NewMasterKey())}
	if _, err := f.client().Test(t.Context(), "crm", ""); err == nil || !strings.Contains(err.Error(), "no worker is running") {
		t.Errorf("without a worker: %v", err)
	}
	var calls atomic.Int64
	a := asked{test: func(context.Context, string, string) (string, error) {
		calls.Add(1)
		return "the server answers", nil
	}}
	f.worker("one/1", f.sealer, a)
	f.worker("two/2", f.sealer, a)
	if said, err := f.client().Test(t.Context(), "crm", ""); err != nil || !strings.HasPrefix(said, "the server answers, asked by worker") || calls.Load() != 1 {
		t.Errorf("%q, %v, after %d tests", said, err, calls.Load())
	}
}

func TestAWorkerTestsAConnection(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	calls := make(chan string, 8)
	a := asked{test: func(_ context.Context, name, target string) (string, error) {
		calls <- name + " " + target
		if name == "broken" {
			return "", errors.New("the server does not accept connections")
		}
		return "the server answers 200 OK", nil
	}}
	f.worker("one/1", f.sealer, a)
	f.worker("two/2", f.sealer, a)
	said, err := f.client().Test(t.Context(), "crm", "https://crm.example/me?token=in-the-url")
	if err != nil || !strings.HasPrefix(said, "the server answers 200 OK, asked by worker ") {
		t.Errorf("%q, %v", said, err)
	}
	if got := <-calls; got != "crm https://crm.example/me?token=in-the-url" || len(calls) > 0 {
		t.Errorf("the workers tested %q, and %d more", got, len(calls))
	}
	if _, err := f.client().Test(t.Context(), "broken", ""); err == nil || !strings.HasPrefix(err.Error(), "the server does not accept connections (asked by worker ") {
		t.Errorf("a broken one: %v", err)
	}
}

func TestNothingSecretIsReadable(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	sub := f.redis.Subscribe(t.Context(), channel)
	t.Cleanup(func() { _ = sub.Close() })
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.worker("one/1", f.sealer, asked{redeem: func(c *store.Connection, k connect.Consent, code string) (string, error) {
		if c.Name != "crm" || k.Verifier != "the-verifier" || code != "the-code" {
			t.Errorf("redeems %s %+v %s", c.Name, k, code)
		}
		return "the-refresh-token", nil
	}})
	token, err := f.client().Redeem(t.Context(), &store.Connection{Name: "crm", Version: "v1"}, connect.Consent{Verifier: "the-verifier"}, "the-code")
	if err != nil || token != "the-refresh-token" {
		t.Fatalf("%q, %v", token, err)
	}
	published := (<-sub.Channel()).Payload
	// The same answer again, which nobody takes out.
	q := question{ID: "again"}
	server := NewServer(ServerConfig{Redis: f.redis, Sealer: f.sealer, Resolver: asked{test: func(context.Context, string, string) (string, error) { return "the-answer", nil }}, Worker: "one/1"})
	if q.Sealed, err = sealJSON(f.sealer, recordOfQuestion(q.ID), &content{Connection: "the-name"}); err != nil {
		t.Fatal(err)
	}
	if err := server.reply(t.Context(), &q); err != nil {
		t.Fatal(err)
	}
	kept := strings.Join(f.redis.LRange(t.Context(), keyAnswer(q.ID), 0, -1).Val(), " ")
	for _, text := range []string{published, kept} {
		if text == "" {
			t.Error("nothing was sent")
		}
		for _, secret := range []string{"the-code", "the-verifier", "the-refresh-token", "the-answer", "the-name", "crm"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s is readable in %s", secret, text)
			}
		}
	}
	if ttl := f.redis.TTL(t.Context(), keyAnswer(q.ID)).Val(); ttl <= 0 || ttl > keptFor {
		t.Errorf("the answer is kept for %s", ttl)
	}
}

func TestWhyNobodyAnswers(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	fails := func(what, want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := f.client().Test(ctx, "crm", ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	begun := time.Now()
	fails("without a worker", "no worker is running")
	f.live = 2
	fails("with old workers alone", "of an earlier version")
	if took := time.Since(begun); took > 400*time.Millisecond {
		t.Errorf("the answers took %s: they waited", took)
	}
	f.worker("stranger/1", newSealer(t, store.NewMasterKey()), asked{})
	fails("with a worker of another master key", "sealed under master key")
}

func TestAWorkerThatHangs(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	f.worker("slow/1", f.sealer, asked{test: func(ctx context.Context, _, _ string) (string, error) {
		<-ctx.Done()
		return "", errors.New("the server does not answer in time")
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := f.client().Test(ctx, "crm", ""); err == nil || !strings.Contains(err.Error(), "does not answer in time (asked by worker slow/1)") {
		t.Errorf("%v", err)
	}
	// One that has taken a question and ended.
	if err := f.redis.Set(t.Context(), keyTaken("q"), "gone/1", keptFor).Err(); err != nil {
		t.Fatal(err)
	}
	if err := f.client().unanswered(t.Context(), "q"); !strings.Contains(err.Error(), "worker gone/1 has taken the test") {
		t.Error(err)
	}
	if err := f.client().unanswered(t.Context(), "none"); !strings.Contains(err.Error(), "no worker has taken") {
		t.Error(err)
	}
}

func TestAChangedConnectionIsNotAuthorised(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	f.worker("one/1", f.sealer, asked{})
	_, err := f.client().Redeem(t.Context(), &store.Connection{Name: "crm", Version: "v0"}, connect.Consent{}, "the-code")
	if err == nil || !strings.Contains(err.Error(), "was changed in between") {
		t.Errorf("%v", err)
	}
}

func TestQuestionsAreBounded(t *testing.T) {
	t.Parallel()
	f := newTestFleet(t)
	c := f.client()
	for range mostAsked {
		c.places <- struct{}{}
	}
	if _, err := c.Test(t.Context(), "crm", ""); err == nil || !strings.Contains(err.Error(), "4 connections are being tested") {
		t.Errorf("%v", err)
	}
}

package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/api"
	"github.com/penstock/penstock/api/apitest"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/queue"
	"github.com/penstock/penstock/store"
)

// echo finds a flow that accepts data. The handler of the test decides what a run does.
type echo struct{}

func (echo) Find(ref string) (*flows.Flow, bool) {
	return &flows.Flow{Number: 69, Version: "v", Queue: "default", Limit: 20 * time.Second, Webhook: &flows.Webhook{}}, ref == "69"
}

// keyring has one key with the replay policy of a test.
type keyring struct{ onReplay string }

func (k keyring) Key(_ context.Context, key string) (*store.Key, error) {
	if key != "k" {
		return nil, store.ErrNotFound
	}
	return &store.Key{Key: "k", Secret: "s", APIAccess: true, OnReplay: k.onReplay}, nil
}

// startAPI starts an API on the real queue. Several APIs may share one Redis.
func startAPI(t *testing.T, redis *testenv.RedisServer, onReplay string, now func() time.Time) *client.Client {
	t.Helper()
	conn, err := redisconn.Parse(redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	q, err := queue.NewClient(queue.Config{Redis: conn, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	apitest.Running(t, q.Run, q.Close)
	door, err := api.New(api.Config{
		Submit: api.Queue{Client: q}.Submit, Records: q, Runs: api.Queue{Client: q}, Flows: echo{}, Keys: keyring{onReplay}, Log: log, Ready: q.Ping,
	})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(door)
	t.Cleanup(web.Close)
	c, err := client.New(client.Config{URL: web.URL, Key: "k", Secret: "s", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// work executes the runs of a Redis with a handler.
func work(t *testing.T, redis *testenv.RedisServer, handler queue.Handler) {
	t.Helper()
	conn, err := redisconn.Parse(redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	s, err := queue.NewServer(queue.ServerConfig{
		Redis: conn, Log: slog.New(slog.DiscardHandler), Queue: "default", ID: "w", Slots: 8, Handler: handler,
	})
	if err != nil {
		t.Fatal(err)
	}
	apitest.Running(t, s.Run, s.Close)
}

func returnEvent(_ context.Context, a *queue.Attempt) queue.Outcome {
	output := append(append([]byte("["), a.Event...), ']')
	return queue.Outcome{State: queue.Succeeded, Output: output}
}

func TestLiveRoundTrip(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	work(t, redis, returnEvent)
	c := startAPI(t, redis, "", nil)
	const want = `[{"n": 12345678901234567890.10, "s":"<é&>"}]`
	run, err := c.Execute(t.Context(), "69", []byte("{\"n\": 12345678901234567890.10,\n \"s\":\"<é&>\"}"), nil)
	if err != nil || string(run.Output) != want {
		t.Fatalf("execute: %+v %s, %v", run, run.Output, err)
	}
	read, err := c.Status(t.Context(), run.ID, 0)
	if err != nil || read.State != "succeeded" || string(read.Output) != want || read.FinishedAt.IsZero() {
		t.Errorf("read: %+v %s, %v", read, read.Output, err)
	}
}

// I5: requests with one idempotency key make one run, also at two API processes.
func TestLiveEqualRequestsAreOneRun(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	var executed atomic.Int64
	work(t, redis, func(ctx context.Context, a *queue.Attempt) queue.Outcome {
		executed.Add(1)
		return returnEvent(ctx, a)
	})
	stopped := time.Now()
	now := func() time.Time { return stopped }
	doors := []*client.Client{startAPI(t, redis, "attach", now), startAPI(t, redis, "attach", now)}
	var all sync.WaitGroup
	ids := make([]string, 200)
	for i := range ids {
		all.Go(func() {
			run, err := doors[i%2].Execute(t.Context(), "69", []byte(`{"a":1}`), nil)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = run.ID
			if string(run.Output) != `[{"a":1}]` {
				t.Errorf("output %s", run.Output)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("runs %s and %s", ids[0], id)
		}
	}
	if n := executed.Load(); n != 1 {
		t.Errorf("%d runs were executed", n)
	}
}

func TestLiveReplayIsRefused(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	work(t, redis, returnEvent)
	stopped := time.Now()
	now := func() time.Time { return stopped }
	doors := []*client.Client{startAPI(t, redis, "refuse", now), startAPI(t, redis, "refuse", now)}
	if _, err := doors[0].Execute(t.Context(), "69", nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, door := range doors {
		wantStatus(t, door, 401)
	}
}

func wantStatus(t *testing.T, door *client.Client, status int) *client.Error {
	t.Helper()
	_, err := door.Execute(t.Context(), "69", nil, nil)
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != status {
		t.Fatalf("error %v, want status %d", err, status)
	}
	return refused
}

func TestLiveRunFails(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	work(t, redis, func(context.Context, *queue.Attempt) queue.Outcome {
		return queue.Outcome{State: queue.Failed, Error: &flows.Error{Code: flows.CodeFail, Message: "no such person", Step: "find", Status: 410}}
	})
	c := startAPI(t, redis, "", nil)
	if refused := wantStatus(t, c, 400); refused.Message != "no such person" || refused.Run == "" {
		t.Errorf("error %+v", refused)
	}
	_, err := c.Start(t.Context(), client.Request{Flow: "69", Event: json.RawMessage(`{}`)})
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != 410 || refused.Step != "find" {
		t.Errorf("error %+v", err)
	}
}

func TestLiveRedisAway(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	c := startAPI(t, redis, "", nil)
	redis.Kill()
	if refused := wantStatus(t, c, 503); refused.RetryAfter < time.Second {
		t.Errorf("error %+v", refused)
	}
	if err := c.Call(t.Context(), "GET", "/readyz", nil, nil); err == nil {
		t.Error("ready without a Redis")
	}
}

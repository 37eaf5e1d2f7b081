package state_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"penstock/flows"
	"penstock/flows/statetest"
	"penstock/internal/embedded"
	"penstock/internal/state"
	"penstock/internal/testenv"
)

// Each test has a server of its own.
func TestOnRedis(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Store { return state.New(testenv.Redis(t).Client()) })
}

func TestOnTheEmbeddedStore(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Store { return state.New(embeddedClient(t)) })
}

func embeddedClient(t *testing.T) redis.UniversalClient {
	t.Helper()
	server, err := embedded.Start(embedded.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client
}

// Two rates of one key: the one asked for counts, over the moments that were
// reserved.
func TestARateMayChange(t *testing.T) {
	t.Parallel()
	s := state.New(testenv.Redis(t).Client())
	for range 4 {
		if _, ok, err := s.Take(t.Context(), "k", flows.Rate{Count: 4, Per: time.Hour}, 0); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	wait, ok, err := s.Take(t.Context(), "k", flows.Rate{Count: 2, Per: time.Minute}, time.Hour)
	if err != nil || !ok || wait > time.Minute || wait < 50*time.Second {
		t.Errorf("%v, %v, %v", wait, ok, err)
	}
}

// What Redis' trouble looks like to a step.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer client.Close()
	s := state.New(client)
	if _, err := s.Load(t.Context(), "k"); err == nil {
		t.Error("a value of nowhere")
	}
	if _, err := s.Swap(t.Context(), flows.Change{Key: "k"}); err == nil {
		t.Error("changed nowhere")
	}
	if _, err := s.Add(t.Context(), flows.Addition{Key: "k", By: 1}); err == nil {
		t.Error("added nowhere")
	}
	if _, _, err := s.Take(t.Context(), "k", flows.Rate{Count: 1, Per: 1}, 0); err == nil {
		t.Error("taken from nowhere")
	}
}

// Redis keeps to 64 bits; the embedded store does not look.
func TestSumsStayWhole(t *testing.T) {
	t.Parallel()
	s := state.New(testenv.Redis(t).Client())
	for i, by := range []int64{9223372036854775807, 1} {
		_, err := s.Add(t.Context(), flows.Addition{Key: "n", By: by})
		if overflows := i == 1; errors.Is(err, flows.ErrNoNumber) != overflows {
			t.Errorf("adding %d: %v", by, err)
		}
	}
}

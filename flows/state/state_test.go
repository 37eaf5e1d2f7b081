package state_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/state"
	"github.com/penstock/penstock/flows/statetest"
	"github.com/penstock/penstock/internal/embedded"
	"github.com/penstock/penstock/internal/testenv"
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

// With two rates of one key, the rate of the call applies, to all reserved times.
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

// A step waits for an unavailable Redis until its run's limit, and then gets an error.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	for name, operation := range map[string]func(context.Context, *state.State) error{
		"load": func(ctx context.Context, s *state.State) error {
			_, err := s.Load(ctx, "k")
			return err
		},
		"swap": func(ctx context.Context, s *state.State) error {
			_, err := s.Swap(ctx, flows.Change{Key: "k"})
			return err
		},
		"add": func(ctx context.Context, s *state.State) error {
			_, err := s.Add(ctx, flows.Addition{Key: "k", By: 1})
			return err
		},
		"take": func(ctx context.Context, s *state.State) error {
			_, _, err := s.Take(ctx, "k", flows.Rate{Count: 1, Per: 1}, 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, timeIsOver := context.WithCancel(t.Context())
			defer timeIsOver()
			tries := 0
			client := redis.NewClient(&redis.Options{MaxRetries: -1, DialerRetries: 1,
				Dialer: func(context.Context, string, string) (net.Conn, error) {
					if tries++; tries == 3 {
						timeIsOver()
					}
					return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
				}})
			defer client.Close()
			if err := operation(ctx, state.New(client)); err == nil {
				t.Error("done nowhere")
			}
			if tries < 3 {
				t.Errorf("gave up after %d tries", tries)
			}
		})
	}
}

// Redis checks for 64 bits; the embedded store does not.
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

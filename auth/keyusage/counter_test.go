package keyusage_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/auth/keyusage"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

func TestNewDemandsItsParts(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}) // never dialled
	defer client.Close()
	for _, config := range []keyusage.Config{{}, {Redis: client}, {Log: slog.New(slog.DiscardHandler)}} {
		if _, err := keyusage.New(config); err == nil {
			t.Errorf("%+v is accepted", config)
		}
	}
}

// Calls of many requests at once are all counted, while others are written. Redis holds neither the id of a key nor a
// secret: the id is half of the credentials.
func TestConcurrentCounts(t *testing.T) {
	t.Parallel()
	client := testenv.Redis(t).Client()
	counter, err := keyusage.New(keyusage.Config{Redis: client, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	key := &store.Key{Key: "the-id-of-a-key", Secret: "its-secret", Previous: "its-old-secret", PreviousUntil: time.Now().Add(time.Hour)}
	ended := func() { // writes what was counted
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := counter.Run(ctx); err != nil {
			t.Error(err)
		}
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 100 {
				counter.Count(key, i%2 == 0)
			}
			ended()
		})
	}
	group.Wait()
	use, err := counter.Use(t.Context(), key)
	if err != nil || use.Current != 400 || use.Previous != 400 {
		t.Errorf("counted %+v, %v, want 400 of each", use, err)
	}
	for _, name := range client.Keys(t.Context(), "*").Val() {
		text := name
		for field, value := range client.HGetAll(t.Context(), name).Val() {
			text += field + value
		}
		for _, never := range []string{key.Key, key.Secret, key.Previous} {
			if strings.Contains(text, never) {
				t.Errorf("%s holds %s", name, never)
			}
		}
	}
}

// Without Redis, counting goes on and costs a line of the log, which names no key; the counts are lost, as documented.
func TestCountsWithoutRedis(t *testing.T) {
	t.Parallel()
	server := testenv.Redis(t)
	var log bytes.Buffer
	client := redis.NewClient(&redis.Options{Addr: server.Addr, MaxRetries: -1, DialTimeout: time.Second})
	defer client.Close()
	counter, err := keyusage.New(keyusage.Config{Redis: client, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	key := &store.Key{Key: "the-id-of-a-key", Secret: "its-secret", PreviousUntil: time.Now().Add(time.Hour)}
	counter.Count(key, true)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := counter.Run(ctx); err != nil {
		t.Errorf("the process ends with %v", err)
	}
	if text := log.String(); !strings.Contains(text, "level=WARN") || strings.Contains(text, key.Key) || strings.Contains(text, key.Secret) {
		t.Errorf("log %q", text)
	}
	if use, err := counter.Use(t.Context(), key); err == nil || use != (keyusage.Use{}) {
		t.Errorf("Use = %+v, %v, want an error", use, err)
	}
}

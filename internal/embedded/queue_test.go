package embedded

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// TestWhatTheQueueUses runs on the embedded store and on a real Redis: the commands that the queue uses have equal
// results.
func TestWhatTheQueueUses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		run  func(*testing.T, *redis.Client)
	}{
		{"a script reads the time", scriptTime},
		{"a script moves, scores, hashes and appends at once", scriptAll},
		{"XADD NOMKSTREAM appends only to what exists", addToNoStream},
		{"BLMOVE wakes up", blockingMove},
		{"BLMOVE gives up", blockingMoveGivesUp},
		{"XREAD BLOCK wakes up", blockingRead},
		{"publish reaches a subscriber", publish},
		{"a watched key stops a transaction", watch},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			t.Run("embedded", func(t *testing.T) {
				t.Parallel()
				_, client := start(t, "")
				c.run(t, client)
			})
			t.Run("redis-server", func(t *testing.T) {
				t.Parallel()
				c.run(t, testenv.Redis(t).Client())
			})
		})
	}
}

func scriptTime(t *testing.T, c *redis.Client) {
	before := time.Now().Truncate(time.Microsecond)
	got, err := redis.NewScript("local t = redis.call('TIME') return t[1] * 1000000 + t[2]").Run(t.Context(), c, nil).Int64()
	if err != nil {
		t.Fatal(err)
	}
	if now := time.UnixMicro(got); now.Before(before) || now.After(time.Now()) {
		t.Errorf("TIME says %v, not between %v and now", now, before)
	}
}

func scriptAll(t *testing.T, c *redis.Client) {
	ctx := t.Context()
	c.LPush(ctx, "pending", "id")
	script := redis.NewScript(`
local id = redis.call('RPOPLPUSH', KEYS[1], KEYS[2])
redis.call('ZADD', KEYS[3], ARGV[1], id)
redis.call('HSET', KEYS[4], 'state', 'running', 'attempt', redis.call('HINCRBY', KEYS[4], 'fence', 1))
redis.call('EXPIRE', KEYS[4], 60)
redis.call('XADD', KEYS[5], 'MAXLEN', '~', 10, '*', 'id', id)
return {id, redis.call('HGET', KEYS[4], 'attempt'), redis.call('HGET', KEYS[4], 'none')}`)
	got, err := script.Run(ctx, c, []string{"pending", "active", "lease", "run", "stream"}, "12.5").Slice()
	if err != nil {
		t.Fatal(err)
	}
	if want := []any{"id", "1", nil}; !cmp.Equal(got, want) {
		t.Errorf("script = %v, want %v", got, want)
	}
	if score := must(t, c.ZScore(ctx, "lease", "id")); score != 12.5 {
		t.Errorf("score = %v, want 12.5", score)
	}
	if n := must(t, c.XLen(ctx, "stream")); n != 1 {
		t.Errorf("the stream has %d entries, want 1", n)
	}
}

func addToNoStream(t *testing.T, c *redis.Client) {
	ctx := t.Context()
	args := &redis.XAddArgs{Stream: "s", NoMkStream: true, Values: []any{"k", "v"}}
	if err := c.XAdd(ctx, args).Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("XADD NOMKSTREAM on nothing: %v, want nil reply", err)
	}
	c.XAdd(ctx, &redis.XAddArgs{Stream: "s", Values: []any{"k", "v"}})
	if err := c.XAdd(ctx, args).Err(); err != nil {
		t.Errorf("XADD NOMKSTREAM on a stream: %v", err)
	}
}

func blockingMove(t *testing.T, c *redis.Client) {
	ctx := t.Context()
	got := make(chan string, 1)
	go func() {
		id, _ := c.BLMove(ctx, "pending", "inbox", "RIGHT", "LEFT", 10*time.Second).Result()
		got <- id
	}()
	if err := redis.NewScript("return redis.call('LPUSH', KEYS[1], 'id')").Run(ctx, c, []string{"pending"}).Err(); err != nil {
		t.Fatal(err)
	}
	if id := <-got; id != "id" {
		t.Errorf("BLMOVE = %q, want %q", id, "id")
	}
	if inbox := must(t, c.LRange(ctx, "inbox", 0, -1)); !slices.Equal(inbox, []string{"id"}) {
		t.Errorf("inbox = %q, want the id", inbox)
	}
}

func blockingMoveGivesUp(t *testing.T, c *redis.Client) {
	if err := c.Do(t.Context(), "BLMOVE", "a", "b", "RIGHT", "LEFT", "0.01").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("BLMOVE on nothing: %v, want nil reply", err)
	}
}

func blockingRead(t *testing.T, c *redis.Client) {
	ctx := t.Context()
	got := make(chan []redis.XStream, 1)
	go func() {
		streams, _ := c.XRead(ctx, &redis.XReadArgs{Streams: []string{"replies", "0"}, Block: 10 * time.Second}).Result()
		got <- streams
	}()
	c.XAdd(ctx, &redis.XAddArgs{Stream: "replies", Values: []any{"id", "1"}})
	if streams := <-got; len(streams) != 1 || len(streams[0].Messages) != 1 || streams[0].Messages[0].Values["id"] != "1" {
		t.Errorf("XREAD = %v, want one message", streams)
	}
}

func publish(t *testing.T, c *redis.Client) {
	ctx := t.Context()
	sub := c.Subscribe(ctx, "changes")
	defer sub.Close()
	if _, err := sub.Receive(ctx); err != nil { // the confirmation
		t.Fatal(err)
	}
	if n := must(t, c.Publish(ctx, "changes", "7")); n != 1 {
		t.Errorf("published to %d subscribers, want 1", n)
	}
	if m := <-sub.Channel(); m.Payload != "7" {
		t.Errorf("message = %q, want 7", m.Payload)
	}
}

func watch(t *testing.T, c *redis.Client) {
	ctx := t.Context()
	err := c.Watch(ctx, func(tx *redis.Tx) error {
		c.Incr(ctx, "rev") // another client
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "k", "v", 0)
			return nil
		})
		return err
	}, "rev")
	if !errors.Is(err, redis.TxFailedErr) {
		t.Errorf("transaction over a changed key: %v, want %v", err, redis.TxFailedErr)
	}
	if n := must(t, c.Exists(ctx, "k")); n != 0 {
		t.Error("the transaction was executed")
	}
}

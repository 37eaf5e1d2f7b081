package embedded

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// start runs a server and a client of it, both ended with the test.
func start(t *testing.T, file string) (*Server, *redis.Client) {
	t.Helper()
	s, err := Start(Config{File: file, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	client := redis.NewClient(s.Options())
	t.Cleanup(func() {
		_ = client.Close()
		_ = s.Close()
	})
	return s, client
}

// fill makes one key of every type, with bytes that are difficult in text formats.
func fill(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := t.Context()
	odd := "a\r\n\x00$3\xff"
	p := c.Pipeline()
	p.Set(ctx, "string", odd, 0)
	p.Set(ctx, "empty", "", 0)
	p.Set(ctx, odd, "odd key", 0)
	p.HSet(ctx, "hash", "f", odd, "", "empty name", "g", "")
	p.RPush(ctx, "list", "b", "a", "b", "")
	p.SAdd(ctx, "set", "x", odd)
	p.ZAdd(ctx, "zset", redis.Z{Score: 1795280000.123456, Member: odd}, redis.Z{Score: -0.1, Member: "m"}, redis.Z{Score: 9007199254740993, Member: "n"})
	p.XAdd(ctx, &redis.XAddArgs{Stream: "stream", ID: "5-1", Values: []any{"f", odd, "f", "twice"}})
	p.XAdd(ctx, &redis.XAddArgs{Stream: "stream", ID: "5-2", Values: []any{"g", ""}})
	p.XAdd(ctx, &redis.XAddArgs{Stream: "drained", ID: "7-1", Values: []any{"f", "v"}})
	p.XTrimMaxLen(ctx, "drained", 0)
	p.Set(ctx, "ttl", "v", time.Hour)
	if _, err := p.Exec(ctx); err != nil {
		t.Fatalf("fill: %v", err)
	}
}

// content reads everything but TTLs through the client, as text that cmp can show.
func content(t *testing.T, c *redis.Client) map[string]any {
	t.Helper()
	ctx := t.Context()
	all := map[string]any{}
	for _, key := range must(t, c.Keys(ctx, "*")) {
		switch kind := must(t, c.Type(ctx, key)); kind {
		case "string":
			all[key] = must(t, c.Get(ctx, key))
		case "hash":
			all[key] = must(t, c.HGetAll(ctx, key))
		case "list":
			all[key] = must(t, c.LRange(ctx, key, 0, -1))
		case "set":
			members := map[string]bool{}
			for _, m := range must(t, c.SMembers(ctx, key)) {
				members[m] = true
			}
			all[key] = members
		case "zset":
			all[key] = must(t, c.ZRangeWithScores(ctx, key, 0, -1))
		case "stream":
			all[key] = must(t, c.XRange(ctx, key, "-", "+"))
		default:
			t.Fatalf("key %q has type %q", key, kind)
		}
	}
	return all
}

func must[T any](t *testing.T, cmd interface{ Result() (T, error) }) T {
	t.Helper()
	v, err := cmd.Result()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestEverythingIsBackAfterARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	s, c := start(t, file)
	fill(t, c)
	want := content(t, c)
	if len(want) != 10 {
		t.Fatalf("the store has %d keys before the restart, want 10", len(want))
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}

	_, c = start(t, file)
	if diff := cmp.Diff(want, content(t, c)); diff != "" {
		t.Errorf("the store changed over a restart (-before +after):\n%s", diff)
	}
	if left := must(t, c.TTL(t.Context(), "ttl")); left < 59*time.Minute || left > time.Hour {
		t.Errorf("a TTL of one hour is %v after a restart", left)
	}
	if left := must(t, c.TTL(t.Context(), "string")); left != -1 {
		t.Errorf("a key without TTL has %v after a restart", left)
	}
}

// The data of dev can be copied to a real Redis with the file.
func TestTheFileLoadsIntoARealRedis(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	s, c := start(t, file)
	fill(t, c)
	want := content(t, c)
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	real := testenv.Redis(t).Client()
	if damage, err := load(t.Context(), real, saved); err != nil || len(damage) > 0 {
		t.Fatalf("load: %v, %v", damage, err)
	}
	if diff := cmp.Diff(want, content(t, real)); diff != "" {
		t.Errorf("a real Redis holds something else (-embedded +real):\n%s", diff)
	}
}

func TestChangesAreSavedWhileItRuns(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	s, err := Start(Config{File: file, SaveEvery: time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c := redis.NewClient(s.Options())
	defer c.Close()
	if err := c.Set(t.Context(), "k", "before a kill -9", 0).Err(); err != nil {
		t.Fatal(err)
	}
	testenv.Until(t, "the value is in the file", func() bool {
		saved, _ := os.ReadFile(file)
		return strings.Contains(string(saved), "before a kill -9")
	})
}

func TestTimePasses(t *testing.T) {
	t.Parallel()
	_, c := start(t, "")
	if err := c.Set(t.Context(), "k", "v", 200*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	testenv.Until(t, "the key has expired", func() bool { return must(t, c.Exists(t.Context(), "k")) == 0 })
	if took := time.Since(began); took < 200*time.Millisecond-2*clockTick {
		t.Errorf("a TTL of 200 ms ended after %v", took)
	}
}

func TestWhatExpiredMeanwhileIsGone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	commands := "*3\r\n$3\r\nSET\r\n$4\r\ngone\r\n$1\r\nv\r\n*3\r\n$9\r\nPEXPIREAT\r\n$4\r\ngone\r\n$13\r\n1000000000000\r\n" +
		"*3\r\n$3\r\nSET\r\n$4\r\nkept\r\n$1\r\nv\r\n"
	if err := os.WriteFile(file, []byte(commands), 0o600); err != nil {
		t.Fatal(err)
	}
	_, c := start(t, file)
	if got, want := must(t, c.Keys(t.Context(), "*")), []string{"kept"}; !cmp.Equal(got, want) {
		t.Errorf("keys = %q, want %q", got, want)
	}
}

func TestAsynqQueuesAreBack(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	s, c := start(t, file)
	tasks := asynq.NewClientFromRedisClient(c)
	for _, id := range []string{"first", "second"} {
		if _, err := tasks.Enqueue(asynq.NewTask("run", []byte(id)), asynq.TaskID(id), asynq.Queue("default")); err != nil {
			t.Fatalf("enqueue: %v", err)
		}
	}
	if _, err := tasks.Enqueue(asynq.NewTask("run", nil), asynq.TaskID("later"), asynq.ProcessIn(time.Hour)); err != nil {
		t.Fatalf("enqueue: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}

	_, c = start(t, file)
	inspector := asynq.NewInspectorFromRedisClient(c)
	info, err := inspector.GetQueueInfo("default")
	if err != nil {
		t.Fatalf("queue info: %v", err)
	}
	if info.Pending != 2 || info.Scheduled != 1 {
		t.Errorf("pending %d, scheduled %d after a restart; want 2 and 1", info.Pending, info.Scheduled)
	}
	done := make(chan string, 2)
	server := asynq.NewServerFromRedisClient(c, asynq.Config{Concurrency: 1, LogLevel: asynq.FatalLevel, TaskCheckInterval: 10 * time.Millisecond})
	err = server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		done <- string(task.Payload())
		return nil
	}))
	if err != nil {
		t.Fatalf("start asynq: %v", err)
	}
	defer server.Shutdown()
	for _, want := range []string{"first", "second"} {
		if got := testenv.Receive(t, done, "the task "+want); got != want {
			t.Errorf("task %q came, want %q", got, want)
		}
	}
}

func TestOneServerPerFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	s, _ := start(t, file)
	_, err := Start(Config{File: file, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "another process uses this store") {
		t.Errorf("a second server on the same file: %v, want a refusal", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	start(t, file)
}

func TestTheStoreNeedsItsPassword(t *testing.T) {
	t.Parallel()
	s, _ := start(t, "")
	options := s.Options()
	options.Password = ""
	stranger := redis.NewClient(options)
	defer stranger.Close()
	if err := stranger.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("ping without password: %v, want NOAUTH", err)
	}
	options, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	friend := redis.NewClient(options)
	defer friend.Close()
	if err := friend.Ping(t.Context()).Err(); err != nil {
		t.Errorf("ping with the URL: %v", err)
	}
}

func TestAnIdleStoreWritesNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "store.aof")
	s, c := start(t, file)
	fill(t, c)
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	s, c = start(t, file)
	must(t, c.Get(t.Context(), "string"))
	if err := c.Eval(t.Context(), "return redis.call('GET', 'string')", nil).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	after, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the file was written again although nothing changed")
	}
}

//go:build faults || soak

package faults

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// The keys of the product that the tests look at, as queue/keys.go has them.
const (
	ours   = "penstock:{" + queueName + "}:"
	asynqs = "asynq:{" + queueName + "}:"
)

// record is a run as Redis has it.
type record struct {
	id, state, worker, output, failure, version string
	fence, crashes                              int
	accepted, finished                          time.Time
}

func (r *record) terminal() bool {
	switch r.state {
	case "succeeded", "failed", "cancelled", "timed_out":
		return true
	}
	return false
}

// records reads all runs.
func records(t testing.TB, c redis.UniversalClient) map[string]*record {
	t.Helper()
	ctx := context.Background()
	out := map[string]*record{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		keys, next, err := c.Scan(ctx, cursor, ours+"run:*", 1000).Result()
		if err != nil {
			t.Fatalf("list runs: %v", err)
		}
		cursor = next
		found, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, key := range keys {
				p.HGetAll(ctx, key)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("read runs: %v", err)
		}
		for i, cmd := range found {
			r := decode(strings.TrimPrefix(keys[i], ours+"run:"), cmd.(*redis.MapStringStringCmd).Val())
			out[r.id] = r
		}
	}
	return out
}

func decode(id string, f map[string]string) *record {
	number := func(name string) int64 { n, _ := strconv.ParseInt(f[name], 10, 64); return n }
	version := ""
	if spec := strings.Split(f["spec"], "\x1f"); len(spec) > 2 {
		version = spec[2]
	}
	return &record{
		id: id, state: f["state"], worker: f["worker"], output: f["output"], failure: f["error"], version: version,
		fence: int(number("fence")), crashes: int(number("crashes")),
		accepted: time.UnixMicro(number("at")), finished: time.UnixMicro(number("finished")),
	}
}

// journaled lists the effects that have been recorded with a result, by the
// key under which the sink sees them.
func journaled(t testing.TB, c redis.UniversalClient) map[string]bool {
	t.Helper()
	ctx := context.Background()
	out := map[string]bool{}
	keys := c.Scan(ctx, 0, ours+"journal:*", 1000).Iterator()
	for keys.Next(ctx) {
		for step, what := range c.HGetAll(ctx, keys.Val()).Val() {
			if strings.HasPrefix(what, "r") {
				out[strings.TrimPrefix(keys.Val(), ours+"journal:")+"."+step] = true
			}
		}
	}
	if err := keys.Err(); err != nil {
		t.Fatalf("read journals: %v", err)
	}
	return out
}

// endings listens to what is announced, and counts how often a run's end is
// told to one door.
type endings struct {
	sub  *redis.PubSub
	done chan struct{}
	told map[string]int // door and run; read after done
}

func newEndings(t testing.TB, c redis.UniversalClient) *endings {
	t.Helper()
	e := &endings{sub: c.PSubscribe(context.Background(), ours+"reply:*"), done: make(chan struct{}), told: map[string]int{}}
	if _, err := e.sub.Receive(context.Background()); err != nil {
		t.Fatalf("listen to endings: %v", err)
	}
	messages := e.sub.Channel(redis.WithChannelSize(10_000))
	go func() {
		defer close(e.done)
		for m := range messages {
			for reply := range strings.SplitSeq(m.Payload, "\x1e") {
				if f := strings.Split(reply, "\x1f"); len(f) > 2 && f[0] == "r2" {
					e.told[m.Channel+" "+f[1]]++
				}
			}
		}
	}()
	t.Cleanup(func() { _ = e.sub.Close() })
	return e
}

// close stops listening and returns what was heard.
func (e *endings) close() map[string]int {
	_ = e.sub.Close()
	<-e.done
	return e.told
}

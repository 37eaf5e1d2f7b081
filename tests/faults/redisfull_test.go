//go:build faults

package faults

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/internal/testenv"
)

// Redis fills up. The door refuses new work at its high-water mark, what was
// accepted before completes, and new work is welcome when there is room again.
func TestRedisNearlyFull(t *testing.T) {
	t.Parallel()
	full := newFull(t)
	answered := full.begin(20)
	full.fill(93)
	eventually(t, 5*time.Second, "the door refuses", func() bool {
		last := full.caller.do(context.Background(), &call{flow: "pure", n: 1}).last()
		return last.status == http.StatusServiceUnavailable && last.code == "overloaded"
	})
	full.release()
	for range 20 {
		call := <-answered
		call.want(t, call.n+3)
	}
	full.redis.Del(context.Background(), ballast)
	eventually(t, 5*time.Second, "the door is open again", func() bool {
		return full.caller.do(context.Background(), &call{flow: "pure", n: 2}).last().status == http.StatusOK
	})
	checkAll(t, full.redis, full.caller.history, full.sink)
}

// Redis is full to the last byte for a while: nothing can be written. When
// there is room again what was accepted completes, and no worker was taken
// for dead.
func TestRedisFull(t *testing.T) {
	t.Parallel()
	full := newFull(t)
	answered := full.begin(20)
	full.limit("1mb") // less than it uses
	full.release()
	<-time.After(2 * lease)
	if n := len(answered); n != 0 {
		t.Errorf("%d runs ended while nothing could be written", n)
	}
	full.limit("64mb")
	for range 20 {
		call := <-answered
		call.want(t, call.n+3)
	}
	checkAll(t, full.redis, full.caller.history, full.sink)
	for id, r := range records(t, full.redis) {
		if r.crashes > 0 {
			t.Errorf("run %s lost %d attempts, and no worker died", id, r.crashes)
		}
	}
}

// ballast is a key that takes the room.
const ballast = "ballast"

// full is a fleet on a Redis with little memory.
type full struct {
	t       *testing.T
	redis   *redis.Client
	sink    *sink
	caller  *caller
	release func()
}

func newFull(t *testing.T) *full {
	t.Helper()
	server := testenv.Redis(t, "--appendonly", "yes", "--appendfsync", "always", "--maxmemory", "64mb", "--maxmemory-policy", "noeviction")
	f := &full{t: t, redis: server.Client(), sink: newSink(t)}
	f.caller = newCaller(t, newFleet(t, server.URL(), 1, 2), f.sink)
	f.release = f.sink.holdBack("two")
	return f
}

// begin starts runs and waits until they are in the middle.
func (f *full) begin(runs int) <-chan *call {
	answered := make(chan *call, runs)
	for i := range runs {
		go func() { answered <- f.caller.do(context.Background(), &call{flow: "posts", n: i}) }()
	}
	for range runs {
		<-f.sink.reached
	}
	return answered
}

// limit sets how much memory Redis may use.
func (f *full) limit(maxmemory string) {
	f.t.Helper()
	if err := f.redis.ConfigSet(context.Background(), "maxmemory", maxmemory).Err(); err != nil {
		f.t.Fatal(err)
	}
}

// fill takes memory until this part of it, in percent, is used.
func (f *full) fill(percent int64) {
	f.t.Helper()
	ctx := context.Background()
	const chunk = 256 << 10
	text := strings.Repeat("x", chunk)
	for {
		info, err := f.redis.InfoMap(ctx, "memory").Result()
		if err != nil {
			f.t.Fatal(err)
		}
		used, limit := number(info["Memory"]["used_memory"]), number(info["Memory"]["maxmemory"])
		if used*100 >= limit*percent {
			return
		}
		if err := f.redis.RPush(ctx, ballast, text).Err(); err != nil {
			f.t.Fatal(err)
		}
	}
}

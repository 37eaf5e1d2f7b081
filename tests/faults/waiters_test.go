//go:build faults

package faults

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/testenv"
)

// Ten thousand callers wait at one api, which has a few connections to Redis
// for all of them. Then a worker comes, and all are answered.
func TestTenThousandWaiters(t *testing.T) {
	const waiters = 10_000
	server := testenv.Redis(t)
	redis := server.Client()
	s := newSink(t)
	f := newFleet(t, server.URL(), 1, 0)
	c := newCaller(t, f, s)
	api := f.api(0)
	idle, idleConns := memory(t, api.Pid()), connections(t, server)
	answered := make(chan *call, waiters)
	for i := range waiters {
		go func() { answered <- c.do(context.Background(), &call{flow: "pure", n: i}) }()
	}
	eventually(t, 30*time.Second, "all wait", func() bool {
		return redis.ZCard(context.Background(), ours+"due").Val() >= waiters
	})
	busy, conns := memory(t, api.Pid()), connections(t, server)
	begun := time.Now()
	f.workers = append(f.workers, f.spawn("worker", "worker"))
	for range waiters {
		call := <-answered
		call.want(t, call.n)
	}
	took := time.Since(begun)
	t.Logf("%d waiters: the api holds %d MB (%d MB without them, %.1f KB each), %d descriptors; Redis has %d connections (%d before); with a worker all were answered within %v",
		waiters, busy.rss>>20, idle.rss>>20, float64(busy.rss-idle.rss)/waiters/1024, busy.files, conns, idleConns, took.Round(10*time.Millisecond))
	if conns > 99 { // tens
		t.Errorf("%d connections to Redis", conns)
	}
	checkAll(t, redis, c.history, s)
}

// connections is how many clients a Redis has, ours among them.
func connections(t *testing.T, server *testenv.RedisServer) int {
	t.Helper()
	list, err := server.Client().ClientList(context.Background()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(list, "\n")
}

package queue

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/redisconn"
	"github.com/penstock/penstock/internal/testenv"
)

func benchSpec() Spec {
	s := spec()
	s.Event = json.RawMessage(`{"notes":"` + strings.Repeat("n", 1000) + `"}`)
	return s
}

// BenchmarkRun is one run from submission to result, an echo in the same
// process; Redis is a child. Compare with BenchmarkHandOff.
func BenchmarkRun(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(callersName(callers), func(b *testing.B) {
			r := newTestQueue(b, testenv.Redis(b).URL())
			r.worker(echo, func(c *ServerConfig) { c.Slots = 256; c.Retention = 5 * time.Second })
			once := func() {
				ticket, err := r.client.Submit(context.Background(), Submission{Spec: benchSpec()})
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := ticket.Wait(context.Background()); err != nil {
					b.Error(err)
				}
			}
			once()
			b.ReportAllocs()
			spread(b, callers, once)
		})
	}
}

// BenchmarkHandOff is Redis' own floor: push, blocking pop, and the reply the
// same way.
func BenchmarkHandOff(b *testing.B) {
	conn, err := redisconn.Parse(testenv.Redis(b).URL())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	push, pop, reply := conn.Client(), conn.Blocking(time.Second, nil), conn.Blocking(time.Second, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		back := conn.Client()
		defer back.Close()
		for ctx.Err() == nil {
			if v, err := pop.BRPop(ctx, time.Second, "there").Result(); err == nil {
				back.LPush(ctx, "back", v[1])
			}
		}
	}()
	event := string(benchSpec().Event)
	b.ResetTimer()
	for range b.N {
		push.LPush(ctx, "there", event)
		if err := reply.BRPop(ctx, time.Second, "back").Err(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	cancel()
	pop.Close()
	<-done
	push.Close()
	reply.Close()
}

func callersName(n int) string {
	return map[int]string{1: "callers=1", 64: "callers=64", 256: "callers=256"}[n]
}

// spread makes b.N calls from so many callers.
func spread(b *testing.B, callers int, call func()) {
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan struct{})
	b.ResetTimer()
	for range callers {
		go func() {
			for left.Add(-1) >= 0 {
				call()
			}
			done <- struct{}{}
		}()
	}
	for range callers {
		<-done
	}
}

//go:build faults || soak

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/client"
)

// try is one request and its answer.
type try struct {
	sent   time.Time
	took   time.Duration
	status int    // 0: no answer came
	code   string // of a failure
	run    string // that the answer names; empty: none
	output []byte
	err    error
}

// call is what one caller wants: one run. It asks again while nobody knows
// whether there is one, as callers with an Idempotency-Key may.
type call struct {
	key   string // empty: it asks once
	flow  string
	n     int
	tries []try
}

// last is how it ended.
func (c *call) last() *try { return &c.tries[len(c.tries)-1] }

// history is what callers saw.
type history struct {
	mu    sync.Mutex // guards calls
	calls []*call
}

func (h *history) add(c *call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
}

// all returns the calls that have ended.
func (h *history) all() []*call {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*call(nil), h.calls...)
}

// caller sends requests to the apis of a fleet.
type caller struct {
	fleet   *fleet
	sink    *sink
	http    *http.Client
	history *history
}

func newCaller(t testing.TB, f *fleet, s *sink) *caller {
	transport := &http.Transport{MaxIdleConnsPerHost: 1000, ExpectContinueTimeout: 10 * time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	return &caller{fleet: f, sink: s, history: &history{}, http: &http.Client{Transport: transport, Timeout: limit + 15*time.Second}}
}

// do asks until the call has an end, in turn at every api, and records it.
func (c *caller) do(ctx context.Context, call *call) *call {
	defer c.history.add(call)
	for i := call.n; ; i++ {
		call.tries = append(call.tries, c.try(ctx, i, call))
		if call.key == "" || ctx.Err() != nil || !call.last().again() {
			return call
		}
		select {
		case <-ctx.Done():
			return call
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// again reports whether the answer leaves open what became of the run.
func (t *try) again() bool {
	switch t.status {
	case 0, http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return true
	}
	return t.code == "handed_over"
}

func (c *caller) try(ctx context.Context, api int, call *call) (t try) {
	t.sent = time.Now()
	defer func() { t.took = time.Since(t.sent) }()
	door, err := client.New(client.Config{URL: c.fleet.api(api).url, Key: apiKey, Secret: apiSecret, HTTP: c.http})
	if err != nil {
		t.err = err
		return t
	}
	event := fmt.Appendf(nil, `{"n":%d,"sink":%q}`, call.n, c.sink.url)
	run, err := door.Start(ctx, client.Request{Flow: call.flow, Event: event, IdempotencyKey: call.key})
	var refused *client.Error
	switch {
	case err == nil:
		t.status, t.run, t.output = http.StatusOK, run.ID, run.Output
	case errors.As(err, &refused):
		t.status, t.code, t.run, t.err = refused.Status, refused.Code, refused.Run, err
	default:
		t.err = err
	}
	return t
}

// together makes n equal callers and waits for all of them.
func (c *caller) together(ctx context.Context, n int, each func(i int) *call) []*call {
	out := make([]*call, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { out[i] = c.do(ctx, each(i)) })
	}
	all.Wait()
	return out
}

// want checks that a call got its 200 with n in its only item.
func (c *call) want(t testing.TB, n int) {
	t.Helper()
	last := c.last()
	if last.status != http.StatusOK || !bytes.Equal(last.output, fmt.Appendf(nil, `[{"n":%d}]`, n)) {
		t.Errorf("call %d, run %s, after %d tries: status %d, output %s, error %v; want [{\"n\":%d}]",
			c.n, last.run, len(c.tries), last.status, last.output, last.err, n)
	}
}

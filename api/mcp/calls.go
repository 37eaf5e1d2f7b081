package mcp

import (
	"context"
	"sync"
)

// calls are the calls of tools that this process answers, by which a client cancels one. The zero value is ready. Safe for concurrent use.
type calls struct {
	mu  sync.Mutex
	end map[string]context.CancelCauseFunc // guarded by mu; by the key of the request
}

// errCancelled is the cause of the end of a call that its client has cancelled.
type errCancelled struct{}

func (errCancelled) Error() string { return "the client has cancelled the call" }

// begin returns a context that ends when the client cancels the call. done must be called at its end.
func (c *calls) begin(ctx context.Context, key string) (_ context.Context, done func()) {
	ctx, end := context.WithCancelCause(ctx)
	if key == "" {
		return ctx, func() { end(nil) }
	}
	c.mu.Lock()
	if c.end == nil {
		c.end = map[string]context.CancelCauseFunc{}
	}
	c.end[key] = end
	c.mu.Unlock()
	return ctx, func() {
		c.mu.Lock()
		delete(c.end, key)
		c.mu.Unlock()
		end(nil)
	}
}

func (c *calls) cancel(key string) {
	c.mu.Lock()
	end := c.end[key]
	c.mu.Unlock()
	if end != nil {
		end(errCancelled{})
	}
}

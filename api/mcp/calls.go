package mcp

import "sync"

// calls are the calls of tools whose runs this process waits for, by which a client cancels one. The zero value is ready. Safe for
// concurrent use.
type calls struct {
	mu     sync.Mutex
	cancel map[string]func() // guarded by mu; by the key of the request
}

// add notes how a call is cancelled, until remove is called. An empty key is not noted.
func (c *calls) add(key string, cancel func()) (remove func()) {
	if key == "" {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel == nil {
		c.cancel = map[string]func(){}
	}
	c.cancel[key] = cancel
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.cancel, key)
	}
}

// end cancels a call, if it is known. It does not wait.
func (c *calls) end(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel := c.cancel[key]; cancel != nil {
		go cancel()
	}
}

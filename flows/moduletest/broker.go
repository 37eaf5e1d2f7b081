// Package moduletest has a source of messages in memory, and helps to test the sources and step kinds of modules.
package moduletest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
)

// Broker is a server of messages in memory, which divides them among its consumers. Messages that are not done when their
// consumer ends are delivered again; rejected ones become dead letters. Safe for concurrent use.
type Broker struct {
	Exclusive bool // its source is an exclusive one

	mu       sync.Mutex
	changed  chan struct{}   // guarded by mu; closed and replaced at each change
	messages []*message      // guarded by mu
	down     error           // guarded by mu; what Consume returns
	dead     []flows.Message // guarded by mu
	closed   int             // guarded by mu; clients
}

// message is a message with the consumer that has it.
type message struct {
	flows.Message
	taken bool
	done  bool
}

// Client is the client of a connection of the type "memory". Each Broker has its own.
type Client struct{ broker *Broker }

// Test implements flows.Client.
func (c *Client) Test(context.Context) error { return c.broker.failure() }

// Close implements flows.Client.
func (c *Client) Close() error {
	c.broker.mu.Lock()
	defer c.broker.mu.Unlock()
	c.broker.closed++
	return nil
}

// Closed returns how many clients were closed.
func (b *Broker) Closed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// Module returns a module with a type of connections and a source of messages, both named memory.
func (b *Broker) Module() flows.Module {
	return flows.Module{
		Connections: []flows.ConnectionType{{
			Name: "memory", Summary: "A server of messages in memory.",
			Fields: []flows.ConnectionField{{Name: "password", Secret: true, Summary: "Password."}},
			Open:   func(flows.ConnectionSettings) (flows.Client, error) { return &Client{b}, nil },
		}},
		Sources: []flows.Source{{
			Name: "memory", Summary: "Messages in memory.", Exclusive: b.Exclusive,
			Params: []flows.Param{{Name: "queue", Type: flows.TypeString, Required: true, Summary: "Name of the queue."}},
			New: func(a *flows.Args) (flows.Consumer, error) {
				if a.String("queue") == "" {
					return nil, a.Refuse(problem.DependentKey, "queue", "queue: it needs a name")
				}
				return b, nil
			},
		}},
	}
}

// Publish adds a message with a key.
func (b *Broker) Publish(key, body string) {
	b.PublishMessage(flows.Message{Key: key, Body: []byte(body), Event: map[string]any{"queue": "orders"}})
}

// PublishMessage adds a message. Its Done is ignored.
func (b *Broker) PublishMessage(m flows.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, &message{Message: m})
	b.notify()
}

// Fail makes consumers end with an error, until it is called with nil.
func (b *Broker) Fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = err
	b.notify()
}

func (b *Broker) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}

// Dead returns the rejected messages.
func (b *Broker) Dead() []flows.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]flows.Message{}, b.dead...)
}

// Left returns how many messages are not done.
func (b *Broker) Left() (left int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if !m.done {
			left++
		}
	}
	return left
}

// AwaitLeft waits until so many messages are not done, at most 30 s.
func (b *Broker) AwaitLeft(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		b.mu.Lock()
		changed := b.changed
		if changed == nil {
			changed = make(chan struct{})
			b.changed = changed
		}
		b.mu.Unlock()
		left := b.Left()
		if left == n {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("there are " + strconv.Itoa(left) + " messages that are not done")
		case <-changed:
		}
	}
}

// notify tells of a change. b.mu must be held.
func (b *Broker) notify() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// take returns the next message, or what to wait for.
func (b *Broker) take() (*message, <-chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down != nil {
		return nil, nil, b.down
	}
	for _, m := range b.messages {
		if !m.taken && !m.done {
			m.taken = true
			return m, nil, nil
		}
	}
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return nil, b.changed, nil
}

// Consume implements flows.Consumer.
func (b *Broker) Consume(ctx context.Context, s flows.Subscription) error {
	var mine []*message
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, m := range mine {
			m.taken = m.done
		}
		b.notify()
	}()
	for ctx.Err() == nil {
		m, changed, err := b.take()
		switch {
		case err != nil:
			return err
		}
		s.Ready()
		switch {
		case m == nil:
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		mine = append(mine, m)
		handed := m.Message
		handed.Done = func(failed error) { b.done(ctx, m, failed) }
		if err := s.Deliver(ctx, handed); err != nil {
			return nil // ctx ended
		}
	}
	return nil
}

// done settles a message. After the end of its consumer that has no effect, as with a server whose connection is closed.
func (b *Broker) done(ctx context.Context, m *message, failed error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() != nil || m.done {
		return
	}
	m.done = true
	if failed != nil {
		b.dead = append(b.dead, m.Message)
	}
	b.notify()
}

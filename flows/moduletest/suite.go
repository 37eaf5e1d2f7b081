package moduletest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps"
)

// Server is a server of messages for Test.
type Server struct {
	Module   flows.Module
	Settings map[string]string // of the connection, whose type is the first of the module
	Trigger  string            // YAML of the module's trigger without connection and acknowledge: "topics: orders"
	NoKeys   bool              // the server does not identify messages
	// Publish sends messages, and returns when the server has them.
	Publish func(t *testing.T, bodies ...string)
}

// limit is the maximum time for a server to deliver.
const limit = 30 * time.Second

// Test runs the tests that a source passes, each on a server of its own.
func Test(t *testing.T, start func(t *testing.T) Server) {
	t.Run("each message is delivered in its order, and not again when it was acknowledged", func(t *testing.T) {
		c := NewConsumer(t, start(t))
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprintf(`{"n":%d}`, i))
		}
		c.warm()
		c.server.Publish(t, want...)
		first := c.Take(len(want), nil)
		if got := bodies(first); !slices.Equal(got, want) {
			t.Errorf("got %v\nwant %v", got, want)
		}
		c.server.Publish(t, "last")
		if got := bodies(c.Take(1, nil)); !slices.Equal(got, []string{"last"}) {
			t.Errorf("after a restart of the consumer: %v, want the last message", got)
		}
		keys := map[string]bool{}
		for _, m := range first {
			if m.Key == "" != c.server.NoKeys || m.Key != "" && keys[m.Key] {
				t.Errorf("the key %q is missing or is not unique", m.Key)
			}
			keys[m.Key] = true
			if _, err := flows.DecodeJSON(flows.EncodeJSON(m.Event)); err != nil {
				t.Errorf("event %v: %v", m.Event, err)
			}
		}
	})
	t.Run("what is not done is delivered again with its key", func(t *testing.T) {
		c := NewConsumer(t, start(t))
		c.warm()
		c.server.Publish(t, "one", "two", "three")
		first := c.run(3, func(int, flows.Message) {})
		again := c.Take(3, nil)
		if got, want := sorted(bodies(again)), []string{"one", "three", "two"}; !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if got, want := sorted(keysOf(again)), sorted(keysOf(first)); !slices.Equal(got, want) {
			t.Errorf("keys %v, want %v", got, want)
		}
	})
	t.Run("a message is done later than those after it", func(t *testing.T) {
		c := NewConsumer(t, start(t))
		c.warm()
		c.server.Publish(t, "one", "two", "three")
		held := map[int]flows.Message{}
		c.run(3, func(i int, m flows.Message) {
			if held[i] = m; i == 2 {
				held[2].Done(nil)
				held[1].Done(nil)
			}
		})
		again := bodies(c.run(1, func(_ int, m flows.Message) { m.Done(nil) }))
		if !slices.Contains(again, "one") {
			t.Errorf("got %v: the first message was lost", again)
		}
	})
	t.Run("a rejected message does not come again", func(t *testing.T) {
		c := NewConsumer(t, start(t))
		c.warm()
		c.server.Publish(t, "bad")
		c.Take(1, errors.New("the run failed"))
		c.server.Publish(t, "good")
		if got := bodies(c.Take(1, nil)); !slices.Equal(got, []string{"good"}) {
			t.Errorf("got %v, want the good message", got)
		}
	})
	t.Run("it ends while a delivery blocks", func(t *testing.T) {
		c := NewConsumer(t, start(t))
		c.warm()
		c.server.Publish(t, "one")
		ctx, stop := context.WithTimeout(t.Context(), limit)
		defer stop()
		s := c.subscription()
		s.Deliver = func(ctx context.Context, _ flows.Message) error {
			stop()
			<-ctx.Done()
			return ctx.Err()
		}
		_ = c.consumer.Consume(ctx, s)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Error("no message came")
		}
	})
	t.Run("its connection is tested", func(t *testing.T) {
		c := NewConsumer(t, start(t))
		if err := c.client.Test(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Consumer is the consumer of a trigger of flow 7.
type Consumer struct {
	t        *testing.T
	server   Server
	client   flows.Client
	consumer flows.Consumer
	ready    atomic.Bool // the consumer was connected
}

// NewConsumer opens a connection and compiles a trigger.
func NewConsumer(t *testing.T, server Server) *Consumer {
	t.Helper()
	source := server.Module.Sources[0]
	flow, err := flows.Parse("flow.yaml", fmt.Appendf(nil, "flow: 7\ntrigger:\n  %s:\n    connection: bus\n    %s\nsteps: [{transform: .}]\n", source.Name, server.Trigger), steps.Catalogue().Add(server.Module))
	if err != nil {
		t.Fatal(err)
	}
	client := Open(t, server.Module, server.Settings)
	return &Consumer{t: t, server: server, client: client, consumer: flow.Messages.Consumer}
}

func (c *Consumer) subscription() flows.Subscription {
	return flows.Subscription{Flow: 7, Client: c.client, InFlight: 100, Ready: func() { c.ready.Store(true) }}
}

// Consume runs the consumer with a Deliver of the test's own, and returns its error. It ends after 30 s at the latest.
func (c *Consumer) Consume(ctx context.Context, deliver func(ctx context.Context, m flows.Message) error) error {
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	s := c.subscription()
	s.Deliver = deliver
	return c.consumer.Consume(ctx, s)
}

// warm makes the server know the subscription, before messages are sent: some keep none for unknown subscribers.
func (c *Consumer) warm() {
	c.t.Helper()
	ctx, stop := context.WithTimeout(c.t.Context(), limit)
	defer stop()
	s := c.subscription()
	var once sync.Once
	s.Deliver = func(_ context.Context, m flows.Message) error {
		m.Done(nil)
		once.Do(stop)
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- c.consumer.Consume(ctx, s) }()
	for ctx.Err() == nil {
		c.server.Publish(c.t, "warm")
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond): // the server may not have had the subscription
		}
	}
	<-ended
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		c.t.Fatal("no message came")
	}
}

// run consumes until n messages have come, and stops the consumer. settle gets each with its index. What warm sent is left out.
func (c *Consumer) run(n int, settle func(i int, m flows.Message)) (got []flows.Message) {
	c.t.Helper()
	ctx, stop := context.WithTimeout(c.t.Context(), limit)
	defer stop()
	s := c.subscription()
	var mu sync.Mutex
	s.Deliver = func(_ context.Context, m flows.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if string(m.Body) == "warm" {
			m.Done(nil)
			return nil
		}
		if len(got) == n {
			return context.Canceled
		}
		got = append(got, m)
		if settle(len(got)-1, m); len(got) == n {
			stop()
		}
		return nil
	}
	err := c.consumer.Consume(ctx, s)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || len(got) < n {
		c.t.Fatalf("got %q of %d messages: %v", bodies(got), n, err)
	}
	if !c.ready.Load() {
		c.t.Error("messages came, and the consumer did not say that it is ready")
	}
	return got
}

// Take consumes n messages, which are done: with failed they are rejected.
func (c *Consumer) Take(n int, failed error) []flows.Message {
	c.t.Helper()
	return c.run(n, func(_ int, m flows.Message) { m.Done(failed) })
}

func bodies(all []flows.Message) (texts []string) {
	for _, m := range all {
		texts = append(texts, string(m.Body))
	}
	return texts
}

func keysOf(all []flows.Message) (keys []string) {
	for _, m := range all {
		keys = append(keys, m.Key)
	}
	return keys
}

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

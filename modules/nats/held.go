package nats

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// held are the messages that this consumer has and that are not done. It tells the server that they are in progress, as often
// as is needed.
type held struct {
	mu       sync.Mutex
	messages map[string]jetstream.Msg // guarded by mu; by the subject of their acknowledgement; nil: closed

	stop chan struct{}
	done chan struct{} // closed when nothing is told any more
}

// keepHeld returns an empty held. wait is how long the server waits for an acknowledgement before it sends a message again.
func keepHeld(wait time.Duration) *held {
	h := &held{messages: map[string]jetstream.Msg{}, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(h.done)
		tick := time.NewTicker(max(wait/3, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-h.stop:
				return
			case <-tick.C:
				h.extend()
			}
		}
	}()
	return h
}

func (h *held) add(batch []jetstream.Msg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range batch {
		h.messages[m.Reply()] = m
	}
}

// settle acknowledges a message, or ends its delivery. Errors: the connection is lost, and the server sends it again.
func (h *held) settle(m jetstream.Msg, failed error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.messages, m.Reply())
	if failed != nil {
		_ = m.Term()
		return
	}
	_ = m.Ack()
}

func (h *held) extend() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.messages {
		_ = m.InProgress()
	}
}

// close gives what is not done back to the server, which sends it again at once.
func (h *held) close() {
	close(h.stop)
	<-h.done
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.messages {
		_ = m.Nak()
	}
	h.messages = nil
}

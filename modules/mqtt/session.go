package mqtt

import (
	"context"
	"sync"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	pahosession "github.com/eclipse/paho.golang/paho/session"
	"github.com/eclipse/paho.golang/paho/session/state"
)

// session is the library's state of a connection, with acknowledgements that are sent when messages are done. They are sent in the order of the
// messages (MQTT 5, section 4.6), so that one that is not done holds back those after it.
type session struct {
	pahosession.SessionManager
	ended chan struct{} // closed at the end of the connection

	mu     sync.Mutex
	reason byte        // guarded by mu; what the server has said about the end; 0: nothing
	open   []*received // guarded by mu, with what is in it; in their order
}

// received is a message that is not acknowledged.
type received struct {
	packet uint16 // its identifier
	done   bool
}

func newSession() *session {
	return &session{SessionManager: state.NewInMemory(), ended: make(chan struct{})}
}

// Ack implements pahosession.SessionManager. The library calls it when a message was handed over, which is too early.
func (s *session) Ack(*packets.Publish) error { return nil }

// ConnectionLost implements pahosession.SessionManager. The library calls it for what the server says, and at the end.
func (s *session) ConnectionLost(said *packets.Disconnect) error {
	s.mu.Lock()
	if said != nil {
		s.reason = said.ReasonCode
	}
	if !s.isEnded() {
		close(s.ended)
	}
	s.mu.Unlock()
	return s.SessionManager.ConnectionLost(said)
}

// isEnded reports whether the connection has ended.
func (s *session) isEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// until returns a context that ends with the connection, too.
func (s *session) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// begin adds a message. The returned function says that it is done.
func (s *session) begin(p *paho.Publish) (done func()) {
	if p.QoS == 0 {
		return func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &received{packet: p.PacketID}
	s.open = append(s.open, r)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for r.done = true; len(s.open) > 0 && s.open[0].done; s.open = s.open[1:] {
			// An error: the connection is lost, and the server sends the message again.
			_ = s.SessionManager.Ack(&packets.Publish{QoS: 1, PacketID: s.open[0].packet})
		}
	}
}

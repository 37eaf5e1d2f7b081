package fileserver

import (
	"context"
	"errors"
	"sync"
	"time"
)

// sessions is a pool of sessions with an SFTP server.
type sessions struct {
	dial  func(ctx context.Context) (*sftpSession, error)
	slots chan struct{} // semaphore of the sessions in use

	mu     sync.Mutex
	idle   []*sftpSession // guarded by mu; the last one was used last
	closed bool           // guarded by mu
}

func newSessions(most int, dial func(ctx context.Context) (*sftpSession, error)) *sessions {
	return &sessions{dial: dial, slots: make(chan struct{}, most)}
}

// take returns a session, which must be released.
func (p *sessions) take(ctx context.Context) (*sftpSession, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for s := p.pop(); s != nil; s = p.pop() {
		if s.alive(ctx) {
			return s, nil
		}
		_ = s.Close() // the server has closed it, or is to see a new one
	}
	s, err := p.dial(ctx)
	if err != nil {
		<-p.slots
	}
	return s, err
}

func (p *sessions) pop() *sftpSession {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	s := p.idle[last]
	p.idle = p.idle[:last]
	return s
}

// release returns a session to the pool; a session that is not whole is closed.
func (p *sessions) release(s *sftpSession, whole bool) {
	defer func() { <-p.slots }()
	if whole && p.push(s) {
		return
	}
	_ = s.Close() // its network connection is of no use any more
}

func (p *sessions) push(s *sftpSession) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || s.budget.Load() < 0 {
		return false
	}
	s.used = time.Now()
	p.idle = append(p.idle, s)
	return true
}

func (p *sessions) close() error {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	var failures []error
	for _, s := range idle {
		failures = append(failures, s.Close())
	}
	return errors.Join(failures...)
}

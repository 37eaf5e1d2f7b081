package testenv

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy simulates network faults between clients and a server: it delays, resets, refuses, and loses responses.
type Proxy struct {
	Addr string // host:port on loopback

	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	conns  map[net.Conn]bool
	delay  time.Duration
	refuse bool
	toLose []lostAnswer
	lost   int
}

// lostAnswer selects a request whose response is to be lost, once.
type lostAnswer struct {
	text []byte
	fate int32 // of the connection: fateReset or fateSilent
	skip int   // number of matching requests to ignore first
}

const (
	fateReset  = 1 // reset instead of the response
	fateSilent = 2 // stays open without any response
)

// NewProxy starts a proxy for a server. It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, listener: l, conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.Refuse(true)
		p.running.Wait()
	})
	return p
}

// Delay delays every chunk of data in both directions.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Cut resets all connections; new ones are accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

// Refuse resets all connections, and closes new ones while refuse is true.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	p.refuse = refuse
	p.mu.Unlock()
	if refuse {
		p.Cut()
	}
}

// LoseAnswer passes the next request that contains text to the server, and resets the connection instead of the
// response.
func (p *Proxy) LoseAnswer(text string) { p.lose(lostAnswer{[]byte(text), fateReset, 0}) }

// LoseAnswers is LoseAnswer for requests with any of the texts. It replaces all earlier ones.
func (p *Proxy) LoseAnswers(texts ...string) {
	p.mu.Lock()
	p.toLose = nil
	p.mu.Unlock()
	for _, text := range texts {
		p.LoseAnswer(text)
	}
}

// WithholdAnswer leaves the connection open without a response, after skip such requests have been answered.
func (p *Proxy) WithholdAnswer(text string, skip int) {
	p.lose(lostAnswer{[]byte(text), fateSilent, skip})
}

func (p *Proxy) lose(n lostAnswer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.toLose = append(p.toLose, n)
}

// Lost returns the number of lost responses.
func (p *Proxy) Lost() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.running.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.keep(client, server) {
		reset(client)
		if err == nil {
			reset(server)
		}
		return
	}
	var fate atomic.Int32 // of the responses from now on
	var both sync.WaitGroup
	both.Go(func() {
		p.pump(client, server, func(chunk []byte) bool {
			if f := p.fate(chunk); f != 0 {
				fate.Store(f)
			}
			return true
		})
	})
	both.Go(func() {
		p.pump(server, client, func([]byte) bool {
			if fate.Load() == fateReset {
				reset(client)
			}
			return fate.Load() == 0
		})
	})
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
	delete(p.conns, server)
}

// keep registers both ends, unless connections are refused.
func (p *Proxy) keep(client, server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse {
		return false
	}
	p.conns[client], p.conns[server] = true, true
	return true
}

// pump copies chunks that pass accepts until either end closes, and then closes the other one.
func (p *Proxy) pump(from, to net.Conn, pass func(chunk []byte) bool) {
	defer reset(from)
	defer reset(to)
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && pass(buf[:n]) {
			p.mu.Lock()
			delay := p.delay
			p.mu.Unlock()
			<-time.After(delay)
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// fate returns the fate of the response to a request; 0 for none.
func (p *Proxy) fate(chunk []byte) int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, n := range p.toLose {
		if bytes.Contains(chunk, n.text) {
			if n.skip > 0 {
				p.toLose[i].skip--
				continue
			}
			p.toLose = append(p.toLose[:i], p.toLose[i+1:]...)
			p.lost++
			return n.fate
		}
	}
	return 0
}

// reset closes a connection with a reset.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

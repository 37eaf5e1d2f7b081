package framing

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
)

// Listener inspects the bytes that its connections read. Use it with an http.Server that has Context as its
// ConnContext, Handler around its handler, and DisableGeneralOptionsHandler, so that every request reaches the
// handler.
type Listener struct{ net.Listener }

// Accept implements net.Listener.
func (l Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

// conn scans the bytes that net/http reads. net/http reads from one goroutine at a time, and serves the requests of a
// connection one after another.
type conn struct {
	net.Conn
	scanner scanner                 // used by Read
	refusal atomic.Pointer[Refusal] // written by Read, read by the handler
	served  atomic.Int64            // number of requests that reached the handler
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		if r := c.scanner.scan(p[:n]); r != nil {
			c.refusal.Store(r)
		}
	}
	return n, err
}

// CloseWrite allows net/http to end its side first, so that the client can read the response before the connection is
// reset.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// rejection returns the Refusal of the request that reaches the handler now; nil when it is accepted. After a
// rejected request, all further requests of the connection are rejected.
func (c *conn) rejection() *Refusal {
	n := c.served.Add(1)
	if r := c.refusal.Load(); r != nil && n >= r.Request {
		return r
	}
	return nil
}

type connKey struct{}

type refusalKey struct{}

// Context is the ConnContext for the server.
func Context(ctx context.Context, c net.Conn) context.Context {
	if watched, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, watched)
	}
	return ctx
}

// Handler marks the rejected requests for Refused.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*conn); ok {
			if refusal := c.rejection(); refusal != nil {
				r = r.WithContext(context.WithValue(r.Context(), refusalKey{}, refusal))
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Refused returns the reason to answer a request with 400 and close its connection; nil when the request is accepted.
func Refused(r *http.Request) *Refusal {
	refusal, _ := r.Context().Value(refusalKey{}).(*Refusal)
	return refusal
}

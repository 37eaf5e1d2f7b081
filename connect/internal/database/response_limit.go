package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// maxResponse is the maximum size of the response to one MySQL or SQL Server statement in bytes, because their
// drivers read a row as a whole. It exceeds the total that the rows of a step may hold, and equals the limit of a
// PostgreSQL row.
const maxResponse = maxRow

// errResponseTooLarge closes a connection whose server sends too much.
var errResponseTooLarge = errors.New("the answer of the database is too large")

// responseLimiter dials connections that are closed when a response is too large, and counts them. A driver may hide the
// reason for a closed connection; claim finds it.
type responseLimiter struct {
	net.Dialer
	closed atomic.Int64 // connections closed for this reason and not yet claimed by their statement
}

// DialContext implements mssql.Dialer and mysql's DialFunc.
func (a *responseLimiter) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := a.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if c, ok := ctx.Value(loginDialsKey{}).(*loginDials); ok {
		c.watch(conn)
	}
	return &limitedConn{Conn: conn, limiter: a}, nil
}

// loginDials closes the connections dialled for one login when the context of the login ends. SQL Server's driver
// ignores that context, and dials with another one; MySQL's driver ends the dial's context with the dial.
type loginDials struct {
	ctx   context.Context
	mu    sync.Mutex
	stops []func() bool // guarded by mu
}

// loginDialsKey is the key of a *loginDials in a context.
type loginDialsKey struct{}

func (c *loginDials) watch(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stops = append(c.stops, context.AfterFunc(c.ctx, func() { _ = conn.Close() }))
}

// done leaves the connections open.
func (c *loginDials) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, stop := range c.stops {
		stop()
	}
}

// limitPool sets TooLarge of a pool that dials with a.
func (a *responseLimiter) limitPool(p *Pool) *Pool {
	p.TooLarge = func(err error) bool {
		return errors.Is(err, errResponseTooLarge) || isConnectionLost(err) && a.claim()
	}
	return p
}

// isConnectionLost reports whether a driver's error means a closed connection.
func isConnectionLost(err error) bool {
	var network net.Error
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

// claim reports whether a connection was closed because of a response that was too large, and consumes that event.
// When two statements lose their connections at the same time, the wrong one may claim it.
func (a *responseLimiter) claim() bool {
	for {
		n := a.closed.Load()
		if n == 0 {
			return false
		}
		if a.closed.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// limitedConn counts the bytes received since the last Write: a client sends a request and then reads the whole
// response. One goroutine may read while another one writes.
type limitedConn struct {
	net.Conn
	limiter  *responseLimiter
	received atomic.Int64 // since the last Write
	closed   atomic.Bool
}

// Read implements net.Conn.
func (c *limitedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.received.Add(int64(n)) < maxResponse {
		return n, err
	}
	if c.closed.Swap(true) {
		return 0, errResponseTooLarge
	}
	c.limiter.closed.Add(1)
	_ = c.Conn.Close() // the driver closes it as well
	return 0, errResponseTooLarge
}

// Write implements net.Conn.
func (c *limitedConn) Write(b []byte) (int, error) {
	c.received.Store(0)
	return c.Conn.Write(b)
}

// SyscallConn implements syscall.Conn: MySQL's driver checks the socket of an idle connection for a close by the
// server.
func (c *limitedConn) SyscallConn() (syscall.RawConn, error) {
	conn, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return conn.SyscallConn()
}

package connect

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

// largestAnswer is the maximum size of the response to one MySQL or SQL Server statement in bytes, because their
// drivers read a row as a whole. It exceeds the total that the rows of a step may hold, and equals the limit of a
// PostgreSQL row.
const largestAnswer = largestRow

// errAnswerTooLarge closes a connection whose server sends too much.
var errAnswerTooLarge = errors.New("the answer of the database is too large")

// answers dials connections that are closed when a response is too large, and counts them. A driver may hide the
// reason for a closed connection; claim finds it.
type answers struct {
	net.Dialer
	ended atomic.Int64 // connections closed for this reason and not yet claimed by their statement
}

// DialContext implements mssql.Dialer and mysql's DialFunc.
func (a *answers) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := a.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if c, ok := ctx.Value(connectingKey{}).(*connecting); ok {
		c.watch(conn)
	}
	return &answerConn{Conn: conn, of: a}, nil
}

// connecting closes the connections dialled for one login when the context of the login ends, which SQL Server's
// driver ignores. The context of a dial is another one; MySQL's driver ends it with the dial.
type connecting struct {
	ctx   context.Context
	mu    sync.Mutex
	stops []func() bool // guarded by mu
}

// connectingKey is the key of a *connecting in a context.
type connectingKey struct{}

func (c *connecting) watch(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stops = append(c.stops, context.AfterFunc(c.ctx, func() { _ = conn.Close() }))
}

// done leaves the connections open.
func (c *connecting) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, stop := range c.stops {
		stop()
	}
}

// bound sets TooLarge of a pool that dials with a.
func (a *answers) bound(p *pool) *pool {
	p.TooLarge = func(err error) bool {
		return errors.Is(err, errAnswerTooLarge) || lost(err) && a.claim()
	}
	return p
}

// lost reports whether a driver's error means a closed connection.
func lost(err error) bool {
	var network net.Error
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

// claim reports whether a connection was closed because of a response that was too large, and consumes that event.
// When two statements lose their connections at the same time, the wrong one may claim it.
func (a *answers) claim() bool {
	for {
		n := a.ended.Load()
		if n == 0 {
			return false
		}
		if a.ended.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// answerConn counts the bytes received since the last Write: a client sends a request and then reads the whole
// response. One goroutine may read while another one writes.
type answerConn struct {
	net.Conn
	of    *answers
	came  atomic.Int64 // bytes since the last Write
	ended atomic.Bool
}

// Read implements net.Conn.
func (c *answerConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.came.Add(int64(n)) < largestAnswer {
		return n, err
	}
	if c.ended.Swap(true) {
		return 0, errAnswerTooLarge
	}
	c.of.ended.Add(1)
	_ = c.Conn.Close() // the driver closes it as well
	return 0, errAnswerTooLarge
}

// Write implements net.Conn.
func (c *answerConn) Write(b []byte) (int, error) {
	c.came.Store(0)
	return c.Conn.Write(b)
}

// SyscallConn implements syscall.Conn: MySQL's driver checks the socket of an idle connection for a close by the
// server.
func (c *answerConn) SyscallConn() (syscall.RawConn, error) {
	conn, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return conn.SyscallConn()
}

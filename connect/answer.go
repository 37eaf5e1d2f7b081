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

// largestAnswer bounds what a MySQL or SQL Server sends as the answer to one
// statement, bytes: their drivers read a row as a whole. It is more than the
// rows of a step may hold together, and as much as a row of PostgreSQL.
const largestAnswer = largestRow

// errAnswerTooLarge ends a connection whose server sends too much.
var errAnswerTooLarge = errors.New("the answer of the database is too large")

// answers dials connections that end when an answer is too large, and counts
// them. A driver may hide why its connection ended: claim tells.
type answers struct {
	net.Dialer
	ended atomic.Int64 // connections that ended so, and whose statement has not claimed it
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

// connecting ends the connections that are dialled for one log-in when the
// log-in's context ends: SQL Server's driver does not look at it. The context of
// a dial is another one, which MySQL's driver ends with the dial.
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

// done leaves the connections to their owners.
func (c *connecting) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, stop := range c.stops {
		stop()
	}
}

// bound makes a pool that dials by a tell which of its errors are answers that
// were too large.
func (a *answers) bound(p *pool) *pool {
	p.TooLarge = func(err error) bool {
		return errors.Is(err, errAnswerTooLarge) || lost(err) && a.claim()
	}
	return p
}

// lost reports whether a driver says that its connection has ended.
func lost(err error) bool {
	var network net.Error
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

// claim reports whether a connection has ended by an answer that was too
// large. Each of them is told once; of two statements that lose their
// connections at the same moment the wrong one may be told.
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

// answerConn counts what comes in since something was sent: a client speaks
// first, and not again before it has read the answer. One goroutine may read
// while another one writes.
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
	_ = c.Conn.Close() // the driver closes it, too
	return 0, errAnswerTooLarge
}

// Write implements net.Conn.
func (c *answerConn) Write(b []byte) (int, error) {
	c.came.Store(0)
	return c.Conn.Write(b)
}

// SyscallConn implements syscall.Conn: MySQL's driver asks the socket whether
// an idle connection was closed by the server.
func (c *answerConn) SyscallConn() (syscall.RawConn, error) {
	conn, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return conn.SyscallConn()
}

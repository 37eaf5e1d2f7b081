package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-message/charset"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
)

// Bounds of the connections that wait for steps.
const (
	maxIdle   = 2
	idleLimit = time.Minute
)

const (
	dialLimit = 20 * time.Second
	// maxReceived is the maximum size of what the server sends for one step, or one message, in bytes.
	maxReceived = 200_000_000
)

// conn is a connection that one step at a time uses.
type conn struct {
	*imapclient.Client
	wire *meter
}

// Open implements idlepool.Conn.
func (c *conn) Open() bool {
	select {
	case <-c.Closed():
		return false
	default:
		return true
	}
}

// meter limits what is received, and keeps the reason for which reading ended: the library loses it.
type meter struct {
	net.Conn
	left  atomic.Int64 // bytes
	cause atomic.Pointer[error]
}

var errTooMuch = errors.New("the server sends too much")

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if m.left.Add(-int64(n)) < 0 {
		n, err = 0, errTooMuch
	}
	if err != nil {
		m.cause.CompareAndSwap(nil, &err)
	}
	return n, err
}

// login opens a connection and logs in. The end of ctx stops it. changed gets a value when the server tells of a change in the
// selected mailbox; nil: nobody wants to know.
func (c *client) login(ctx context.Context, changed chan<- struct{}) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	wire, err := c.dial(ctx)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	options := &imapclient.Options{WordDecoder: &mime.WordDecoder{CharsetReader: charset.Reader}}
	if changed != nil {
		options.UnilateralDataHandler = &imapclient.UnilateralDataHandler{Mailbox: func(*imapclient.UnilateralDataMailbox) {
			select {
			case changed <- struct{}{}:
			default: // it has one already
			}
		}}
	}
	secured := net.Conn(wire)
	if c.tls != nil && !c.starttls {
		secured = tls.Client(wire, c.tls)
	}
	on := &conn{wire: wire}
	stop := context.AfterFunc(ctx, func() { _ = wire.Close() })
	err = c.greet(ctx, on, secured, options)
	if !stop() {
		err = ctx.Err()
	}
	if err == nil {
		return on, nil
	}
	if on.Client != nil {
		_ = on.Close()
	}
	_ = wire.Close()
	var refused *imap.Error
	switch {
	case errors.As(err, &refused) && on.Client == nil:
		return nil, connect.Failure(c.name, "the IMAP server refuses STARTTLS")
	case errors.As(err, &refused):
		return nil, connect.Failure(c.name, "the server refuses the login")
	}
	return nil, c.failure(ctx, on.reason(err))
}

func (c *client) dial(ctx context.Context) (*meter, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	m := &meter{Conn: raw}
	m.left.Store(maxReceived)
	return m, nil
}

// greet begins TLS, if the connection has it, and logs in.
func (c *client) greet(ctx context.Context, on *conn, secured net.Conn, options *imapclient.Options) (err error) {
	if begun, ok := secured.(*tls.Conn); ok {
		if err := begun.HandshakeContext(ctx); err != nil {
			return err
		}
	}
	if !c.starttls { // otherwise TLS is within what the library reads
		secured = &lines{Conn: secured, failed: func(err error) { on.wire.cause.CompareAndSwap(nil, &err) }}
	}
	if c.starttls {
		options.TLSConfig = c.tls
		if on.Client, err = imapclient.NewStartTLS(secured, options); err != nil {
			on.Client = nil
			return err
		}
	} else {
		on.Client = imapclient.New(secured, options)
		if err := on.WaitGreeting(); err != nil {
			return err
		}
	}
	return on.Login(c.user, c.password).Wait()
}

// reason returns why a connection ended, for an error of the library that does not say it.
func (c *conn) reason(err error) error {
	var answer *imap.Error
	var known *flows.Error
	if errors.As(err, &answer) || errors.As(err, &known) {
		return err
	}
	if cause := c.wire.cause.Load(); cause != nil && !errors.Is(*cause, net.ErrClosed) {
		return *cause
	}
	return err
}

// use calls do with a connection that is logged in, and ends the connection when ctx ends. Errors of the library are described.
func (c *client) use(ctx context.Context, do func(on *conn) error) error {
	on, ok := c.pool.Take()
	if !ok {
		var err error
		if on, err = c.login(ctx, nil); err != nil {
			return err
		}
	}
	on.wire.left.Store(maxReceived)
	err := c.during(ctx, on, func() error { return do(on) })
	var answer *imap.Error
	if err == nil || errors.As(err, &answer) && answer.Type != imap.StatusResponseTypeBye {
		c.pool.Put(on)
	} else {
		_ = on.Close() // it may have answers left
	}
	return c.failure(ctx, err)
}

// during calls the library, whose functions end with the connection when ctx ends.
func (c *client) during(ctx context.Context, on *conn, call func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = on.wire.Close() })
	err := call()
	if !stop() {
		return ctx.Err()
	}
	return on.reason(err)
}

// Test implements flows.Client.
func (c *client) Test(ctx context.Context) error {
	on, err := c.login(ctx, nil)
	if err != nil {
		return err
	}
	_ = on.Close() // the login was what is tested
	return nil
}

// Close implements flows.Client.
func (c *client) Close() error {
	c.pool.Close()
	return nil
}

// failure describes an error of the library; nil for nil.
func (c *client) failure(ctx context.Context, err error) error {
	var known *flows.Error
	var answer *imap.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ctx.Err()
	case errors.As(err, &known):
		return err
	case errors.Is(err, errTooMuch):
		return connect.Failure(c.name, "the IMAP server sends more than %s at once", flows.SizeText(maxReceived))
	case errors.Is(err, errLongLine):
		return connect.Failure(c.name, "the IMAP server sends a line of more than %s", flows.SizeText(maxLine))
	case errors.As(err, &answer):
		said := fmt.Sprintf("the server answers %s", answer.Type)
		if answer.Code != "" {
			said += fmt.Sprintf(" [%s]", answer.Code)
		}
		e := connect.Failure(c.name, "%s: %.500s", said, answer.Text)
		if answer.Code == imap.ResponseCodeUnavailable || answer.Code == imap.ResponseCodeInUse || answer.Code == imap.ResponseCodeServerBug {
			e.Class = flows.ClassNetwork
		}
		return e
	case errors.Is(err, net.ErrClosed):
		err = io.EOF
	}
	return connect.Unreachable(c.name, "the IMAP server", err)
}

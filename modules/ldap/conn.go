package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
)

// Bounds of the connections that wait for steps.
const (
	maxIdle   = 4
	idleLimit = time.Minute
)

const (
	dialLimit  = 10 * time.Second
	loginLimit = 20 * time.Second
	// maxReceived is the maximum size of what the server sends for one step in bytes.
	maxReceived = 100_000_000
	// oidStartTLS names the request StartTLS (RFC 4511, section 4.14.1).
	oidStartTLS = "1.3.6.1.4.1.1466.20037"
)

// conn is a connection that one step at a time uses.
type conn struct {
	*ldap.Conn
	wire *meter
}

// Open implements idlepool.Conn.
func (c *conn) Open() bool { return !c.IsClosing() }

// meter limits what is received. The library keeps a message in memory whose size the server says.
type meter struct {
	net.Conn
	left atomic.Int64 // bytes
}

var errTooMuch = errors.New("the server sends too much")

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if m.left.Add(-int64(n)) < 0 {
		return 0, errTooMuch
	}
	return n, err
}

// dial opens a connection without a login. The end of ctx stops it.
func (c *client) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	m := &meter{Conn: raw}
	m.left.Store(maxReceived)
	wire, err := c.secure(ctx, m)
	if err != nil {
		_ = raw.Close()
		return nil, c.unreachable(ctx, err)
	}
	opened := ldap.NewConn(wire, c.tls != nil)
	opened.Start()
	return &conn{Conn: opened, wire: m}, nil
}

// secure begins TLS, if the connection has it.
func (c *client) secure(ctx context.Context, raw net.Conn) (net.Conn, error) {
	if c.tls == nil {
		return raw, nil
	}
	if c.starttls {
		stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
		err := startTLS(raw)
		if !stop() {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}
	secured := tls.Client(raw, c.tls)
	return secured, secured.HandshakeContext(ctx)
}

// errNoStartTLS is returned when the server refuses StartTLS.
var errNoStartTLS = errors.New("refuses StartTLS")

// startTLS asks for TLS. The library's own function loses the reason of a failure.
func startTLS(raw io.ReadWriter) error {
	request := ber.NewSequence("message")
	request.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "id"))
	operation := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "request")
	operation.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, oidStartTLS, "name"))
	request.AppendChild(operation)
	if _, err := raw.Write(request.Bytes()); err != nil {
		return err
	}
	response, err := ber.ReadPacket(io.LimitReader(raw, 64<<10))
	if err != nil {
		return err
	}
	if ldap.GetLDAPError(response) != nil {
		return errNoStartTLS
	}
	return nil
}

// login opens a connection and logs in.
func (c *client) login(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, loginLimit)
	defer cancel()
	opened, err := c.dial(ctx)
	if err != nil || c.user == "" {
		return opened, err
	}
	err = c.during(ctx, opened, func() error { return opened.Bind(c.user, c.password) })
	if err == nil {
		return opened, nil
	}
	_ = opened.Close()
	if refusesLogin(err) {
		return nil, connect.Failure(c.name, "the server refuses the login")
	}
	return nil, c.failure(ctx, err)
}

// during calls the library, whose functions end with the connection when ctx ends.
func (c *client) during(ctx context.Context, on *conn, call func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = on.Close() })
	err := call()
	if !stop() {
		return ctx.Err()
	}
	return err
}

// use calls do with a connection that is logged in. Errors of the library are described.
func (c *client) use(ctx context.Context, do func(on *ldap.Conn) error) error {
	on, ok := c.pool.Take()
	if !ok {
		var err error
		if on, err = c.login(ctx); err != nil {
			return err
		}
	}
	on.wire.left.Store(maxReceived)
	err := c.during(ctx, on, func() error { return do(on.Conn) })
	var known *ldap.Error
	if err == nil || errors.As(err, &known) && known.ResultCode < ldap.ErrorNetwork {
		c.pool.Put(on)
		return c.failure(ctx, err)
	}
	switch {
	case on.wire.left.Load() < 0:
		err = errTooMuch
	case on.IsClosing(): // the library loses the reason
		err = io.EOF
	}
	_ = on.Close() // it may have answers left
	return c.failure(ctx, err)
}

// Test implements flows.Client.
func (c *client) Test(ctx context.Context) error {
	on, err := c.login(ctx)
	if err != nil {
		return err
	}
	_ = on.Unbind() // the login was what is tested
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
	var answer *ldap.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ctx.Err()
	case errors.As(err, &known):
		return err
	case !errors.As(err, &answer) || answer.ResultCode >= ldap.ErrorNetwork:
		return c.unreachable(ctx, err)
	}
	said := fmt.Sprintf("the server answers %q (%d)", ldap.LDAPResultCodeMap[answer.ResultCode], answer.ResultCode)
	if answer.Err != nil && answer.Err.Error() != "" {
		said += fmt.Sprintf(": %.500s", answer.Err.Error())
	}
	e := connect.Failure(c.name, "%s", said)
	if answer.ResultCode == ldap.LDAPResultBusy || answer.ResultCode == ldap.LDAPResultUnavailable {
		e.Class = flows.ClassNetwork
	}
	return e
}

func (c *client) unreachable(ctx context.Context, err error) error {
	var answer *ldap.Error
	if errors.As(err, &answer) && answer.Err != nil {
		err = answer.Err
	}
	switch {
	case errors.Is(err, errNoStartTLS):
		return connect.Failure(c.name, "the LDAP server refuses StartTLS")
	case errors.Is(err, errTooMuch):
		return connect.Failure(c.name, "the LDAP server sends more than %s for one step", flows.SizeText(maxReceived))
	case ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ctx.Err()
	}
	return connect.Unreachable(c.name, "the LDAP server", err)
}

func refusesLogin(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultInappropriateAuthentication)
}

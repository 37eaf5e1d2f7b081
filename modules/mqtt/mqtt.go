// Package mqtt has a connection, a step and a trigger for servers of MQTT 5.
package mqtt

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
)

// Module returns the module.
func Module() flows.Module {
	return flows.Module{
		Kinds:       []flows.Kind{publish()},
		Connections: []flows.ConnectionType{connectionType()},
		Sources:     []flows.Source{source()},
	}
}

func connectionType() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "mqtt", Summary: "A server of MQTT 5, such as Mosquitto, EMQX or HiveMQ.",
		Fields: append([]flows.ConnectionField{
			{Name: "host", Required: true, Summary: "Name or address of the server."},
			{Name: "port", Kind: flows.FieldNumber, Summary: "Port of the server; default: 8883, or 1883 for `tls: none`."},
			{Name: "username", Summary: "User name; default: no login."},
			{Name: "password", Secret: true, Summary: "Password."},
			{Name: "client_id", Default: "penstock", Summary: "How the client ids begin: those of triggers have the number of their flow after it, so that each installation at a server needs its own."},
		}, connect.TLSFields()...),
		Open: open,
	}
}

const (
	dialLimit   = 10 * time.Second
	answerLimit = 10 * time.Second
	keepAlive   = 30 // seconds
	// propertyKey is the user property with the key of a message that is equal in every attempt.
	propertyKey = "idempotency-key"
)

// client is the configuration of a server, with one connection for all steps.
type client struct {
	name     string // of the connection
	address  string
	tls      *tls.Config // nil: none
	id       string      // how client ids begin
	username string      // empty: no login
	password string

	mu   sync.Mutex
	conn *connection // guarded by mu; nil: not used yet
}

func open(s flows.ConnectionSettings) (flows.Client, error) {
	trust, err := connect.TLSConfig(s, s.Text["host"])
	if err != nil {
		return nil, err
	}
	port := "8883"
	if trust == nil {
		port = "1883"
	}
	if s.Text["username"] == "" && s.Text["password"] != "" {
		return nil, errors.New("a password needs a username")
	}
	return &client{
		name: s.Connection, address: net.JoinHostPort(s.Text["host"], cmp.Or(s.Text["port"], port)), tls: trust,
		id: s.Text["client_id"], username: s.Text["username"], password: s.Text["password"],
	}, nil
}

// connection is a connection to a server.
type connection struct {
	*paho.Client
	session *session
	stop    func() // ends what receives messages, for which the library waits
	largest int64  // packet that the server accepts, in bytes
}

// allows reports whether the server accepts a message of this size. Servers close the connection otherwise.
func (c *connection) allows(p *paho.Publish) bool {
	size, err := p.Packet().WriteTo(io.Discard)
	return err == nil && size <= c.largest
}

// close ends the connection in the way that keeps its session at the server.
func (c *connection) close() {
	c.stop()
	if !c.session.isEnded() {
		_ = c.Disconnect(&paho.Disconnect{}) // it may end at the same time
	}
}

// connect opens a connection. hello has the client id and what else is special; receive, if it is not nil, gets each message until its
// context ends. The end of ctx stops the connecting.
func (c *client) connect(ctx context.Context, hello *paho.Connect, receive func(ctx context.Context, p *paho.Publish)) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	dialed, err := c.dial(ctx)
	if err != nil {
		return nil, c.failure(err)
	}
	hello.KeepAlive = keepAlive
	if c.username != "" {
		hello.UsernameFlag, hello.Username = true, c.username
		hello.PasswordFlag, hello.Password = c.password != "", []byte(c.password)
	}
	session := newSession()
	receiving, stop := session.until(context.Background())
	cl := paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn{dialed}), PacketTimeout: answerLimit, Session: session,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			if receive != nil {
				receive(receiving, p.Packet)
			}
			return true, nil
		}},
	})
	answer, err := cl.Connect(ctx, hello)
	if err == nil {
		largest := int64(math.MaxUint32)
		if answer.Properties != nil && answer.Properties.MaximumPacketSize != nil {
			largest = int64(*answer.Properties.MaximumPacketSize)
		}
		return &connection{cl, session, stop, largest}, nil
	}
	stop()
	switch {
	case answer == nil || answer.ReasonCode == 0:
		return nil, c.failure(err)
	case answer.ReasonCode == packets.ConnackBadUsernameOrPassword, answer.ReasonCode == packets.ConnackNotAuthorized:
		return nil, connect.Failure(c.name, "the server refuses the login")
	}
	return nil, c.refused(answer.ReasonCode)
}

func (c *client) dial(ctx context.Context) (net.Conn, error) {
	if c.tls != nil {
		return (&tls.Dialer{Config: c.tls}).DialContext(ctx, "tcp", c.address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
}

// connectOnce opens a connection without a session at the server, with a client id of its own.
func (c *client) connectOnce(ctx context.Context) (*connection, error) {
	return c.connect(ctx, &paho.Connect{ClientID: c.id + "-" + strings.ToLower(rand.Text()[:12]), CleanStart: true}, nil)
}

// shared returns the connection of all steps.
func (c *client) shared(ctx context.Context) (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil || c.conn.session.isEnded() {
		conn, err := c.connectOnce(ctx)
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	return c.conn, nil
}

// Test implements flows.Client.
func (c *client) Test(ctx context.Context) error {
	conn, err := c.connectOnce(ctx)
	if err == nil {
		conn.close()
	}
	return err
}

// Close implements flows.Client.
func (c *client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.close()
	}
	return nil
}

// ended describes the end of a connection.
func (c *client) ended(conn *connection) error {
	conn.session.mu.Lock()
	reason := conn.session.reason
	conn.session.mu.Unlock()
	if reason < 0x80 {
		return c.failure(io.EOF)
	}
	return c.refused(reason)
}

// refused describes a reason code of a server (MQTT 5, section 2.4).
func (c *client) refused(code byte) *flows.Error {
	known, class := map[byte]string{
		0x84: "it does not speak MQTT 5", 0x85: "it does not accept the client id", 0x87: "the user may not do that", 0x88: "it is not available", 0x89: "it is busy",
		0x8a: "the client is banned", 0x8b: "it is shutting down", 0x8e: "another client has connected with the client id", 0x8f: "it does not accept the topic filter",
		0x90: "it does not accept the topic", 0x93: "it has got too many messages at once", 0x95: "the packet is larger than it allows", 0x96: "the rate of messages is too high",
		0x97: "a quota is exceeded", 0x98: "an administrator has closed the connection", 0x9b: "it does not support the QoS", 0x9e: "it does not support shared subscriptions",
		0x9f: "the rate of connections is too high", 0xa2: "it does not support wildcards",
	}, map[byte]flows.Class{0x88: flows.ClassNetwork, 0x89: flows.ClassNetwork, 0x8b: flows.ClassNetwork, 0x96: flows.ClassNetwork, 0x9f: flows.ClassNetwork}
	e := connect.Failure(c.name, "the server answers 0x%02x: %s", code, cmp.Or(known[code], "refused"))
	e.Class = class[code]
	return e
}

// failure describes an error of the library.
func (c *client) failure(err error) error {
	var known *flows.Error
	switch {
	case errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, paho.ErrInvalidArguments): // what the server has said that it does not support
		return connect.Failure(c.name, "the server does not support it: %s", strings.TrimPrefix(err.Error(), paho.ErrInvalidArguments.Error()+": "))
	}
	return connect.Unreachable(c.name, "the MQTT server", err)
}

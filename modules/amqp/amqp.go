// Package amqp has a connection, a step and a trigger for RabbitMQ and other servers of AMQP 0-9-1.
package amqp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
)

// Module returns the module.
func Module() flows.Module {
	return flows.Module{
		Kinds:       []flows.Kind{publish()},
		Connections: []flows.ConnectionType{connection()},
		Sources:     []flows.Source{source()},
	}
}

func connection() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "amqp", Summary: "A server of AMQP 0-9-1, such as RabbitMQ.",
		Fields: append([]flows.ConnectionField{
			{Name: "host", Required: true, Summary: "Name or address of the server."},
			{Name: "port", Kind: flows.FieldNumber, Summary: "Port of the server; default: 5671, or 5672 for `tls: none`."},
			{Name: "vhost", Default: "/", Summary: "Virtual host."},
			{Name: "username", Required: true, Summary: "User name."},
			{Name: "password", Secret: true, Required: true, Summary: "Password."},
		}, connect.TLSFields()...),
		Open: open,
	}
}

const (
	dialLimit = 10 * time.Second
	heartbeat = 10 * time.Second
)

// client is the configuration of a server, with one connection for all steps.
type client struct {
	name    string // of the connection
	address string
	tls     *tls.Config // nil: none
	config  amqp.Config

	mu   sync.Mutex
	conn *amqp.Connection // guarded by mu; nil: not used yet
	idle []*channel       // guarded by mu; of conn
}

func open(s flows.ConnectionSettings) (flows.Client, error) {
	trust, err := connect.TLSConfig(s, s.Text["host"])
	if err != nil {
		return nil, err
	}
	port := "5671"
	if trust == nil {
		port = "5672"
	}
	return &client{
		name: s.Connection, address: net.JoinHostPort(s.Text["host"], cmp.Or(s.Text["port"], port)), tls: trust,
		config: amqp.Config{
			SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: s.Text["username"], Password: s.Text["password"]}},
			Vhost: s.Text["vhost"], Heartbeat: heartbeat, Locale: "en_US", Properties: amqp.Table{"product": "Penstock", "connection_name": "penstock " + s.Connection},
		},
	}, nil
}

// connect opens a connection. The end of ctx stops it.
func (c *client) connect(ctx context.Context) (*amqp.Connection, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	config := c.config
	config.Dial = func(network, _ string) (net.Conn, error) {
		conn, err := c.dial(ctx, network)
		if err == nil {
			err = conn.SetDeadline(time.Now().Add(dialLimit)) // of the handshake; the library clears it
		}
		return conn, err
	}
	conn, err := amqp.DialConfig("amqp://host", config) // the host is in Dial
	if err != nil {
		return nil, c.failure(err)
	}
	return conn, nil
}

func (c *client) dial(ctx context.Context, network string) (net.Conn, error) {
	if c.tls != nil {
		return (&tls.Dialer{Config: c.tls}).DialContext(ctx, network, c.address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, c.address)
}

// Test implements flows.Client.
func (c *client) Test(ctx context.Context) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	return c.failure(conn.Close())
}

// Close implements flows.Client.
func (c *client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil || c.conn.IsClosed() {
		return nil
	}
	return c.failure(c.conn.CloseDeadline(time.Now().Add(dialLimit)))
}

// channel is a channel on which one step at a time sends.
type channel struct {
	*amqp.Channel
	on       *amqp.Connection
	returned chan amqp.Return // what no queue has got; before the confirmation of it
	closed   chan *amqp.Error // closed with the channel
}

// take returns a channel for one message, which put takes back.
func (c *client) take(ctx context.Context) (*channel, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.idle) > 0 {
		ch := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if !ch.IsClosed() {
			return ch, nil
		}
	}
	if c.conn == nil || c.conn.IsClosed() {
		conn, err := c.connect(ctx)
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	opened, err := c.conn.Channel()
	if err == nil {
		err = opened.Confirm(false)
	}
	if err != nil {
		return nil, c.failure(err)
	}
	return &channel{opened, c.conn, opened.NotifyReturn(make(chan amqp.Return, 1)), opened.NotifyClose(make(chan *amqp.Error, 1))}, nil
}

// put takes a channel back that has no message left.
func (c *client) put(ch *channel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch.on == c.conn && !ch.IsClosed() {
		c.idle = append(c.idle, ch)
	}
}

// failure describes an error of the library; nil for nil.
func (c *client) failure(err error) error {
	var answer *amqp.Error
	var known *flows.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, amqp.ErrCredentials), errors.Is(err, amqp.ErrSASL):
		return connect.Failure(c.name, "the server refuses the login")
	case errors.Is(err, amqp.ErrVhost):
		return connect.Failure(c.name, "the server refuses the virtual host to the user")
	case errors.Is(err, amqp.ErrClosed):
		e := connect.Failure(c.name, "the connection was closed")
		e.Class = flows.ClassNetwork
		return e
	case errors.As(err, &answer) && answer.Server:
		e := connect.Failure(c.name, "the server answers %s: %s", strconv.Itoa(answer.Code), answer.Reason)
		if answer.Code == amqp.ConnectionForced || answer.Code == amqp.ResourceError || answer.Code == amqp.InternalError {
			e.Class = flows.ClassNetwork
		}
		return e
	}
	return connect.Unreachable(c.name, "the AMQP server", err)
}

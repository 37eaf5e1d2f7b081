// Package nats has a connection, a step and a trigger for NATS and its streams (JetStream).
package nats

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

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
		Name: "nats", Summary: "A NATS server or cluster.",
		Fields: append([]flows.ConnectionField{
			{Name: "servers", Required: true, Summary: "Addresses of servers, `host:port`, separated by commas."},
			{Name: "username", Summary: "User name; default: no login by name."},
			{Name: "password", Secret: true, Summary: "Password."},
			{Name: "token", Secret: true, Summary: "Token, for servers that ask for one instead of a user."},
			{Name: "credentials", Kind: flows.FieldLines, Secret: true, Summary: "Content of a .creds file: the user's JWT and its seed."},
		}, connect.TLSFields()...),
		Open: open,
	}
}

const (
	dialLimit   = 10 * time.Second // of each server, with the handshake
	answerLimit = 5 * time.Second  // for an answer of a server
)

// client is the configuration of a cluster, with one connection for all steps.
type client struct {
	name    string // of the connection
	servers string
	options []nats.Option
	limit   time.Duration // for the answer to a message of a step

	mu   sync.Mutex
	conn *nats.Conn // guarded by mu; nil: not used yet
}

func open(s flows.ConnectionSettings) (flows.Client, error) {
	servers := strings.FieldsFunc(s.Text["servers"], func(r rune) bool { return r == ',' || r == ' ' })
	for i, address := range servers {
		if host, _, err := net.SplitHostPort(address); err != nil || host == "" || strings.ContainsAny(address, "/@") {
			return nil, errors.New("servers are no addresses such as nats-1:4222, nats-2:4222")
		}
		servers[i] = "nats://" + address
	}
	if len(servers) == 0 {
		return nil, errors.New("servers has no address")
	}
	c := &client{name: s.Connection, limit: answerLimit, servers: strings.Join(servers, ","), options: []nats.Option{
		nats.Name("penstock " + s.Connection), nats.Timeout(dialLimit), nats.NoReconnect(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // the library's own prints them; denied reads LastError
	}}
	trust, err := connect.TLSConfig(s, "") // the name of each server
	if err != nil {
		return nil, err
	}
	if trust != nil {
		c.options = append(c.options, nats.Secure(trust))
	}
	login, err := loginOption(s.Text)
	if err != nil {
		return nil, err
	}
	c.options = append(c.options, login)
	return c, nil
}

// loginOption returns how the client authenticates; an option that does nothing without a login.
func loginOption(settings map[string]string) (nats.Option, error) {
	credentials, token, user := settings["credentials"], settings["token"], settings["username"]
	switch {
	case credentials != "" && token != "", credentials != "" && user != "", token != "" && user != "":
		return nil, errors.New("username, token and credentials exclude each other")
	case credentials != "":
		_, err := nkeys.ParseDecoratedJWT([]byte(credentials))
		if _, seed := nkeys.ParseDecoratedUserNKey([]byte(credentials)); err != nil || seed != nil {
			return nil, errors.New("credentials are not the content of a .creds file, with a user's JWT and its seed")
		}
		return nats.UserCredentialBytes([]byte(credentials)), nil
	case token != "":
		return nats.Token(token), nil
	}
	return nats.UserInfo(user, settings["password"]), nil
}

// dialer opens connections until ctx ends. It implements nats.CustomDialer.
type dialer struct{ ctx context.Context }

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return (&net.Dialer{Timeout: dialLimit}).DialContext(d.ctx, network, address)
}

// connect opens a connection. The end of ctx stops it.
func (c *client) connect(ctx context.Context) (*nats.Conn, error) {
	conn, err := nats.Connect(c.servers, append(append([]nats.Option{}, c.options...), nats.SetCustomDialer(dialer{ctx}))...)
	if errors.Is(err, nats.ErrNoServers) {
		err = syscall.ECONNREFUSED // the library drops this cause
	}
	if err != nil {
		return nil, c.failure(err)
	}
	return conn, nil
}

// shared returns the connection of all steps.
func (c *client) shared(ctx context.Context) (*nats.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil || c.conn.IsClosed() {
		conn, err := c.connect(ctx)
		if err != nil {
			return nil, err
		}
		c.conn = conn
	}
	return c.conn, nil
}

// Test implements flows.Client.
func (c *client) Test(ctx context.Context) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.FlushTimeout(answerLimit); err != nil {
		return c.failure(err)
	}
	return nil
}

// Close implements flows.Client.
func (c *client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		c.conn.Close()
	}
	return nil
}

// denied returns what the server said last about a missing permission for a subject; an empty subject is any. Servers say it beside the
// request, which gets no answer. before is what LastError returned before the request. nil: nothing was said.
func denied(conn *nats.Conn, before error, subject string) error {
	last := conn.LastError()
	if last == before || !errors.Is(last, nats.ErrPermissionViolation) || subject != "" && !strings.Contains(last.Error(), strconv.Quote(subject)) {
		return nil
	}
	return last
}

// failure describes an error of the library.
func (c *client) failure(err error) error {
	var answer *jetstream.APIError
	var known *flows.Error
	var record tls.RecordHeaderError
	var used errInUse
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &used):
		return connect.Failure(c.name, "%s", used.text)
	case errors.Is(err, nats.ErrPermissionViolation):
		return connect.Failure(c.name, "the server answers: %s", strings.TrimPrefix(err.Error(), "nats: "))
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAccountAuthExpired):
		return connect.Failure(c.name, "the server refuses the login")
	case errors.Is(err, nats.ErrSecureConnWanted), errors.As(err, &record):
		return connect.Failure(c.name, "the server does not offer TLS: without it, the connection needs `tls: none`, for a trusted network only")
	case errors.Is(err, nats.ErrMaxPayload):
		return connect.Failure(c.name, "the message is larger than the server allows")
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return connect.Failure(c.name, "no stream takes messages of the subject")
	case errors.Is(err, jetstream.ErrInvalidJSAck):
		return connect.Failure(c.name, "what answers to the subject is no stream, and may have got the message")
	case errors.Is(err, nats.ErrBadSubject), errors.Is(err, nats.ErrBadHeaderMsg), errors.Is(err, nats.ErrHeadersNotSupported):
		return connect.Failure(c.name, "the message cannot be sent: %s", strings.TrimPrefix(err.Error(), "nats: "))
	case errors.Is(err, jetstream.ErrConsumerDeleted), errors.Is(err, jetstream.ErrConsumerNotFound):
		return connect.Failure(c.name, "the consumer was deleted")
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return connect.Failure(c.name, "the consumer is one that pushes: a trigger needs one that is pulled")
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return connect.Failure(c.name, "there is no such stream")
	case errors.As(err, &answer):
		e := connect.Failure(c.name, "the server answers %d: %s", answer.ErrorCode, answer.Description)
		if answer.Code >= 500 {
			e.Class = flows.ClassNetwork
		}
		return e
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, jetstream.ErrNoHeartbeat):
		err = context.DeadlineExceeded
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrStaleConnection):
		err = io.EOF
	}
	return connect.Unreachable(c.name, "NATS", err)
}

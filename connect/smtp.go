package connect

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

func smtpType() Type {
	return Type{
		Name: "smtp", Summary: "A mail server (SMTP).",
		Fields: []Field{
			{Name: "host", Required: true, Summary: "Name or address of the server."},
			{Name: "port", Kind: FieldNumber, Summary: "Port of the server; default: 587, or 465 for `tls: implicit`."},
			{Name: "tls", Kind: FieldChoice, Choices: []string{"starttls", "implicit", "none"}, Default: "starttls", Summary: "Encryption of the connection; `none` only for a server on loopback or in `trusted_network`."},
			{Name: "trusted_network", Summary: "With `tls: none`: networks of servers that receive messages and password unencrypted, such as `10.20.0.0/16, fd00::/8`. The resolved address is checked for each connection."},
			{Name: "ca", Kind: FieldLines, Summary: "PEM certificates of the trusted authorities, instead of the system's."},
			{Name: "username", Summary: "User name; default: no login."},
			{Name: "password", Secret: true, Summary: "Password."},
			{Name: "from", Required: true, Summary: "Default sender: a@b.org or Name <a@b.org>."},
		},
		open: func(_ *Resolver, s settings) (any, error) { return newMailer(s) },
	}
}

// mailer sends messages, each over its own connection. It implements flows.Mailer.
type mailer struct {
	name    string // of the connection
	host    string
	tls     *tls.Config       // nil: the connection starts without TLS
	plain   *server.PlainDial // nil: the connection is encrypted
	options []gomail.Option
	from    string
}

// sendLimit is the maximum duration of one exchange with the server, for a context without a deadline. The context of
// a step has one, its timeout or the run's limit, which then is the only limit.
const sendLimit = 60 * time.Second

func newMailer(s settings) (*mailer, error) {
	if _, err := mail.ParseAddress(s.Text["from"]); err != nil {
		return nil, errors.New("from is no address such as a@b.org or Name <a@b.org>")
	}
	m := &mailer{name: s.conn.Name, host: s.Text["host"], from: s.Text["from"]}
	port, err := m.encrypt(s)
	if err != nil {
		return nil, err
	}
	m.options = append(m.options, gomail.WithPort(cmp.Or(s.Number("port"), port)))
	if s.Text["username"] != "" {
		logins := []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5}
		if m.plain != nil {
			logins = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthCramMD5, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc}
		}
		m.options = append(m.options, gomail.WithUsername(s.Text["username"]), gomail.WithPassword(s.Text["password"]), gomail.WithOpportunisticSMTPAuth(logins...))
	}
	if _, err := gomail.NewClient(m.host, m.options...); err != nil {
		return nil, errors.New("host, port and tls make no mail server")
	}
	return m, nil
}

// encrypt reads the tls setting and returns the usual port.
func (m *mailer) encrypt(s settings) (port int, err error) {
	roots, err := server.Authorities(s.ConnectionSettings)
	if err != nil {
		return 0, err
	}
	trust := &tls.Config{ServerName: m.host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	if s.Text["tls"] != "none" && s.Text["trusted_network"] != "" {
		return 0, errors.New("trusted_network has a meaning with tls: none only")
	}
	switch s.Text["tls"] {
	case "implicit":
		m.tls = trust
		m.options = append(m.options, gomail.WithSSL())
		return 465, nil
	case "none":
		if m.plain, err = server.NewPlainDial("tls: none", m.host, s.Text["trusted_network"]); err != nil {
			return 0, err
		}
		m.options = append(m.options, gomail.WithTLSPolicy(gomail.NoTLS))
		return 587, nil
	}
	m.options = append(m.options, gomail.WithTLSConfig(trust), gomail.WithTLSPolicy(gomail.TLSMandatory))
	return 587, nil
}

// Send implements flows.Mailer.
func (m *mailer) Send(ctx context.Context, message *flows.Mail) error {
	msg, err := m.compose(message)
	if err != nil {
		return server.Failure(m.name, "the message cannot be made: %v", err)
	}
	ctx, cancel, left := sendContext(ctx)
	defer cancel()
	client, err := m.client(ctx, left)
	if err != nil {
		return err
	}
	err = exchange(ctx, client, msg)
	switch {
	case msg.IsDelivered(): // an error after the delivery does not matter
		return nil
	case ctx.Err() != nil && err != nil:
		return ctx.Err()
	case err == nil:
		return server.Failure(m.name, "the mail server did not take the message")
	}
	return m.sendError(err)
}

// client returns the library's client for one exchange, which ctx ends.
func (m *mailer) client(ctx context.Context, left time.Duration) (*gomail.Client, error) {
	dial := gomail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
		return m.dial(ctx, network, address)
	})
	client, err := gomail.NewClient(m.host, append(slices.Clip(m.options), gomail.WithTimeout(left), dial)...)
	if err != nil {
		return nil, server.Failure(m.name, "the mail server cannot be used")
	}
	return client, nil
}

// test connects and logs in.
func (m *mailer) test(ctx context.Context) error {
	ctx, cancel, left := sendContext(ctx)
	defer cancel()
	client, err := m.client(ctx, left)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return m.sendError(err)
	}
	_ = client.CloseWithSMTPClient(session) // the login was accepted
	return nil
}

var errNoSMTPUTF8 = errors.New("the mail server offers no SMTPUTF8 (RFC 6531), which an address with characters beyond ASCII before its @ needs")

// exchange connects and sends the message.
func exchange(ctx context.Context, client *gomail.Client, msg *gomail.Msg) error {
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	if offered, _ := session.Extension("SMTPUTF8"); !offered && needsUTF8(msg) {
		err = errNoSMTPUTF8
	} else {
		err = client.SendWithSMTPClient(session, msg)
	}
	return errors.Join(err, client.CloseWithSMTPClient(session))
}

// sendContext returns the context of one exchange, and its maximum duration.
func sendContext(ctx context.Context) (_ context.Context, cancel context.CancelFunc, left time.Duration) {
	if _, ok := ctx.Deadline(); ok { // a second timer would end at another time
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithTimeout(ctx, sendLimit)
	}
	deadline, _ := ctx.Deadline()
	return ctx, cancel, max(time.Until(deadline), 0) + time.Second // later than the context, which is to end the exchange
}

// dial connects such that the end of ctx closes the connection: the library observes its context only until it is
// connected.
func (m *mailer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	if m.plain != nil {
		dialer.Control = m.plain.Control
	}
	dialing, cancel := context.WithTimeout(ctx, server.DialLimit)
	defer cancel()
	conn, err := dialer.DialContext(dialing, network, address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	if m.tls == nil {
		return conn, nil
	}
	encrypted := tls.Client(conn, m.tls)
	if err := encrypted.HandshakeContext(dialing); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return encrypted, nil
}

// sendError returns the error for a failed exchange. It quotes the server's response to the message, but not that to the
// login.
func (m *mailer) sendError(err error) error {
	var send *gomail.SendError
	var answer *textproto.Error
	switch {
	case errors.Is(err, server.ErrUntrustedAddress):
		return server.Failure(m.name, "%v", server.ErrUntrustedAddress)
	case errors.Is(err, errNoSMTPUTF8):
		return server.Failure(m.name, "%v", errNoSMTPUTF8)
	case errors.As(err, &send) && send.ErrorCode() != 0:
		answer, _, _ := strings.Cut(server.FirstLine(send), ", affected ") // the library's list of recipients has the blind copies, too
		e := server.Failure(m.name, "the mail server refuses the message: %s", answer)
		if send.IsTemp() {
			e.Class = flows.ClassNetwork
		}
		return e
	case errors.As(err, &answer) && answer.Code/10 == 53:
		return server.Failure(m.name, "the mail server refuses the login")
	case errors.As(err, &answer):
		e := server.Failure(m.name, "the mail server answers %d", answer.Code)
		if answer.Code/100 == 4 {
			e.Class = flows.ClassNetwork
		}
		return e
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		return server.Failure(m.name, "the mail server offers no STARTTLS")
	case strings.Contains(err.Error(), "AUTH"):
		return server.Failure(m.name, "the mail server offers no login that can be used")
	}
	return server.Unreachable(m.name, "the mail server", err)
}

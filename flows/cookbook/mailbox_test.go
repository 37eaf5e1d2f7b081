package cookbook_test

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"strings"

	"github.com/emersion/go-smtp"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// letter is a message as the mail server received it.
type letter struct {
	to            []string
	subject, text string
}

// post starts a mail server and stores the connection to it, as an administrator would.
func (s *services) post() {
	s.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{services: s}, nil }))
	server.Domain, server.ErrorLog = "localhost", log.New(io.Discard, "", 0)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	s.t.Cleanup(func() { _ = server.Close(); <-ended })
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		s.t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	kept, err := store.Open(s.t.Context(), store.Config{Redis: testenv.Redis(s.t).Client(), Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: quiet})
	if err != nil {
		s.t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	connection := store.Connection{Name: "mail", Type: "smtp", Settings: map[string]string{"host": host, "port": port, "tls": "none", "from": "Penstock <door@example.org>"}}
	if _, err := kept.Connections().Put(s.t.Context(), connection); err != nil {
		s.t.Fatal(err)
	}
	resolver, err := connect.New(connect.Config{Store: kept, HTTP: http.DefaultTransport, Log: quiet})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = resolver.Close() })
	s.mailers = resolver
}

// Mail implements flows.Connections.
func (s *services) Mail(ctx context.Context, name string) (flows.Mailer, error) {
	return s.mailers.Mail(ctx, name)
}

// Proxy implements flows.Connections.
func (s *services) Proxy(context.Context, string) (flows.HTTPProxy, error) {
	return nil, errors.New("there is no proxy")
}

// Client implements flows.Connections.
func (s *services) Client(context.Context, string) (flows.Client, func(), error) {
	return nil, nil, errors.New("there is no such connection")
}

// session accepts one message after the other.
type session struct {
	services *services
	to       []string
}

func (*session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}
func (s *session) Reset()      { s.to = nil }
func (*session) Logout() error { return nil }

func (s *session) Data(r io.Reader) error {
	if s.services.isDown() {
		return &smtp.SMTPError{Code: 554, Message: "an outage"}
	}
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return err
	}
	text, err := plainText(message)
	s.services.mu.Lock()
	defer s.services.mu.Unlock()
	s.services.mails = append(s.services.mails, letter{s.to, subject, text})
	return err
}

// plainText is the text part of the message.
func plainText(m *mail.Message) (string, error) {
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	body := m.Body
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		part, err := multipart.NewReader(m.Body, params["boundary"]).NextPart()
		if err != nil {
			return "", err
		}
		body = part
	case strings.EqualFold(m.Header.Get("Content-Transfer-Encoding"), "quoted-printable"):
		body = quotedprintable.NewReader(m.Body)
	}
	text, err := io.ReadAll(body)
	return strings.ReplaceAll(string(text), "\r\n", "\n"), err
}

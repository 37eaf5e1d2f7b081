package reminder

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/redis/go-redis/v9"

	"github.com/penstock/penstock/connect"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/testenv"
	"github.com/penstock/penstock/store"
)

// mailbox is a mail server on loopback that keeps the messages it gets.
type mailbox struct {
	port string

	mu     sync.Mutex // guards what follows
	got    []letter
	refuse bool
}

type letter struct {
	to   []string
	text string
}

// NewSession implements smtp.Backend.
func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{box: m}, nil }

type session struct {
	box *mailbox
	to  []string
}

func (s *session) Reset()                                    { s.to = nil }
func (s *session) Logout() error                             { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error      { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = append(s.to, to); return nil }

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	if s.box.refuse {
		return &smtp.SMTPError{Code: 451, Message: "later"}
	}
	s.box.got = append(s.box.got, letter{s.to, string(text)})
	return nil
}

func (m *mailbox) letters() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]letter{}, m.got...)
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	m := &mailbox{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, m.port, _ = net.SplitHostPort(listener.Addr().String())
	server := smtp.NewServer(m)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { _ = server.Close(); serving.Wait() })
	return m
}

// fleet is a store with one client, and the mail server for the reminders.
type fleet struct {
	t     *testing.T
	box   *mailbox
	redis *redis.Client
	store *store.Store
	mail  *connect.Resolver
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, box: newMailbox(t), redis: testenv.Redis(t).Client()}
	sealer, err := store.NewSealer(store.NewMasterKey())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if f.store, err = store.Open(t.Context(), store.Config{Redis: f.redis, Sealer: sealer, Catalogue: flows.NewCatalogue(), Log: log}); err != nil {
		t.Fatal(err)
	}
	if f.mail, err = connect.New(connect.Config{Store: f.store, HTTP: http.DefaultTransport, Log: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.mail.Close() })
	_, err = f.store.Connections().Put(t.Context(), store.Connection{
		Name: "mail", Type: "smtp", Settings: map[string]string{"host": "127.0.0.1", "port": f.box.port, "tls": "none", "from": "Penstock <noreply@example.org>"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.store.Clients().Create(t.Context(), store.Client{
		Identifier: "client-crm", Name: "CRM", Hash: "h", TimeZone: "America/Denver", Expires: "2026-11-30", Assertion: "a1",
		Remind: []string{"it@example.org", "crm@example.org"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// pass lets this number of processes check for due reminders at a moment, concurrently.
func (f *fleet) pass(at string, processes int) error {
	f.t.Helper()
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		f.t.Fatal(err)
	}
	var all sync.WaitGroup
	failures := make(chan error, processes) // one from each
	for range processes {
		r, err := New(Config{
			Redis: f.redis, Clients: f.store.Clients(), Mail: f.mail, Connection: "mail", Issuer: "https://penstock.example.org",
			Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		})
		if err != nil {
			f.t.Fatal(err)
		}
		all.Go(func() { failures <- r.SendDue(f.t.Context()) })
	}
	all.Wait()
	close(failures)
	for failure := range failures {
		err = errors.Join(err, failure)
	}
	return err
}

func (f *fleet) want(at string, letters int) {
	f.t.Helper()
	if err := f.pass(at, 8); err != nil {
		f.t.Errorf("%s: %v", at, err)
	}
	if n := len(f.box.letters()); n != letters {
		f.t.Errorf("%s: %d letters, want %d", at, n, letters)
	}
}

func TestAFleetSendsEachReminderOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t) // it ends at 2026-12-01T00:00 in Denver, 07:00 UTC
	f.want("2026-11-01T05:59:59Z", 0)
	f.want("2026-11-01T06:00:00Z", 1) // 30 days before, when Denver still had summer time
	f.want("2026-11-01T06:00:01Z", 1)
	f.want("2026-11-17T06:59:59Z", 1)
	f.want("2026-11-17T07:00:00Z", 2)
	f.want("2026-11-24T07:00:00Z", 3)
	f.want("2026-11-30T07:00:00Z", 4)
	f.want("2026-12-01T06:59:59Z", 4)
	f.want("2026-12-01T07:00:00Z", 4)
	first := f.box.letters()[0]
	first.text = strings.ReplaceAll(first.text, "=\r\n", "") // quoted-printable
	if len(first.to) != 2 || first.to[0] != "it@example.org" {
		t.Errorf("recipients %v", first.to)
	}
	for _, part := range []string{"From: \"Penstock\" <noreply@example.org>", "Subject: API client CRM: its assertion expires on 2026-11-30", "client-crm", "https://penstock.example.org", "1 December 2026"} {
		if !strings.Contains(first.text, part) {
			t.Errorf("%q is not in\n%s", part, first.text)
		}
	}
}

func TestOnlyTheNearestReminderIsSent(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.want("2026-11-29T00:00:00Z", 1) // 30, 14 and 7 days have passed
	f.want("2026-11-30T12:00:00Z", 2)
}

func TestANewDateStartsOver(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.want("2026-11-30T12:00:00Z", 1)
	_, err := f.store.Clients().Change(t.Context(), "client-crm", func(c *store.Client) error { c.Expires, c.Assertion = "2026-12-20", "a2"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	f.want("2026-11-30T12:00:00Z", 2)
	f.want("2026-12-06T12:00:00Z", 2)
	f.want("2026-12-20T12:00:00Z", 3)
}

func TestWhoGetsNoReminder(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for name, edit := range map[string]func(*store.Client){
		"no assertion": func(c *store.Client) { c.Assertion = "" },
		"no address":   func(c *store.Client) { c.Remind = nil },
		"disabled":     func(c *store.Client) { c.Disabled = true },
		"no date":      func(c *store.Client) { c.Expires = "" },
	} {
		_, err := f.store.Clients().Change(t.Context(), "client-crm", func(c *store.Client) error {
			c.Assertion, c.Remind, c.Disabled, c.Expires = "a1", []string{"it@example.org"}, false, "2026-11-30"
			edit(c)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.pass("2026-11-30T12:00:00Z", 1); err != nil || len(f.box.letters()) != 0 {
			t.Errorf("%s: %v, %d letters", name, err, len(f.box.letters()))
		}
	}
}

func TestAFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.box.mu.Lock()
	f.box.refuse = true
	f.box.mu.Unlock()
	if err := f.pass("2026-11-30T12:00:00Z", 1); err == nil {
		t.Error("a refused message was no error")
	}
	f.box.mu.Lock()
	f.box.refuse = false
	f.box.mu.Unlock()
	f.want("2026-11-30T12:10:00Z", 1)
}

func TestRunPassesAtOnceAndEnds(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	r, err := New(Config{Redis: f.redis, Clients: f.store.Clients(), Mail: f.mail, Connection: "mail", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) })
	testenv.Until(t, "a letter was sent", func() bool { return len(f.box.letters()) > 0 })
	cancel()
	running.Wait()
	if _, err := New(Config{}); err == nil {
		t.Error("a reminder without anything was made")
	}
}

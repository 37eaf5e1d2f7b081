package connect

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/store"
)

// mailServer is an SMTP server (RFC 5321) that answers a command with what a test says, and everything else with 250.
type mailServer struct {
	port    string
	answers map[string]string // by command, or "greeting" and "content"
	content chan string       // of each message; buffered
}

func newMailServer(t *testing.T, answers map[string]string) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	m := &mailServer{port: port, answers: answers, content: make(chan string, 4)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	return m
}

func (m *mailServer) serve(conn net.Conn) {
	defer conn.Close()
	say := func(command, usual string) {
		if text, ok := m.answers[command]; ok {
			usual = text
		}
		_, _ = fmt.Fprintf(conn, "%s\r\n", usual)
	}
	say("greeting", "220 mail.example.org")
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		command, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch command {
		case "EHLO":
			say(command, "250-mail.example.org\r\n250 AUTH PLAIN LOGIN")
		case "AUTH":
			say(command, "235 ok")
		case "DATA":
			say(command, "354 go on")
			var content strings.Builder
			for line != ".\r\n" {
				if line, err = lines.ReadString('\n'); err != nil {
					return
				}
				content.WriteString(line)
			}
			m.content <- content.String()
			say("content", "250 queued")
		case "QUIT":
			say(command, "221 bye")
			return
		default:
			say(command, "250 ok")
		}
	}
}

// mailer opens a connection to the server, with further settings.
func (m *mailServer) mailer(t *testing.T, more map[string]string) *mailer {
	t.Helper()
	given := map[string]string{"host": "127.0.0.1", "port": m.port, "tls": "none", "from": "Us <us@example.org>"}
	for name, value := range more {
		given[name] = value
	}
	s, err := read(&store.Connection{Name: "post", Settings: given}, smtpType())
	if err != nil {
		t.Fatal(err)
	}
	made, err := newMailer(s)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func letter() *flows.Mail {
	return &flows.Mail{
		ID: "run-1.0", To: []string{"Ada <ada@example.org>"}, Cc: []string{"c@example.org"}, Bcc: []string{"hidden@example.org"}, ReplyTo: []string{"r@example.org"},
		Subject: "Größe", Text: "plain words", HTML: "<b>words</b>", Headers: []flows.MailHeader{{Name: "X-Case", Value: "7"}},
		Attachments: []flows.Attachment{{Name: "a.csv", Content: []byte("a,b")}, {Name: "b.bin", Content: []byte{0, 1}}, {Name: "c.bin", ContentType: "application/x-own", Content: []byte{2}}},
	}
}

// A message has the sender of the connection, an id that stays the same in each attempt, and no blind copies in it.
func TestMessages(t *testing.T) {
	t.Parallel()
	m := newMailServer(t, nil)
	if err := m.mailer(t, nil).Send(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	text := <-m.content
	for _, want := range []string{
		"From: \"Us\" <us@example.org>", "To: \"Ada\" <ada@example.org>", "Cc: <c@example.org>", "Reply-To: <r@example.org>", "Message-ID: <run-1.0@example.org>", "X-Case: 7",
		"Subject: =?UTF-8?", "multipart/mixed", "multipart/alternative", "plain words", "<b>words</b>", "text/csv", "application/octet-stream", "application/x-own", `filename="a.csv"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the message has no %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "hidden@example.org") {
		t.Error("a blind copy is shown")
	}
	for name, change := range map[string]func(*flows.Mail){
		"text only": func(m *flows.Mail) { m.HTML, m.Attachments = "", nil },
		"HTML only": func(m *flows.Mail) { m.Text, m.Attachments = "", nil },
	} {
		one := letter()
		change(one)
		if err := m.mailer(t, nil).Send(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if text := <-m.content; strings.Contains(text, "multipart") || strings.Contains(text, "plain words") != (one.Text != "") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

// A value of an item cannot add a header or a recipient.
func TestMessagesCannotBeExtended(t *testing.T) {
	t.Parallel()
	m := newMailServer(t, nil)
	made := m.mailer(t, nil)
	one := letter()
	one.Subject = "hello\r\nBcc: thief@example.org"
	one.Headers = []flows.MailHeader{{Name: "X-Case", Value: "7\r\nX-Injected: yes"}}
	if err := made.Send(t.Context(), one); err == nil {
		for line := range strings.Lines(<-m.content) {
			if strings.HasPrefix(line, "Bcc:") || strings.HasPrefix(line, "X-Injected:") {
				t.Errorf("a header was added: %s", line)
			}
		}
	}
	for name, change := range map[string]func(*flows.Mail){
		"to":   func(m *flows.Mail) { m.To = []string{"ada@example.org\r\nRCPT TO:<thief@example.org>"} },
		"from": func(m *flows.Mail) { m.From = "no address" },
		"cc":   func(m *flows.Mail) { m.Cc = []string{"nobody"} },
	} {
		one := letter()
		change(one)
		if err := made.Send(t.Context(), one); err == nil || !strings.Contains(err.Error(), "cannot be made") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the server refuses is told with its answer, except to a login. Only what may change is tried again.
func TestRefusedMessages(t *testing.T) {
	t.Parallel()
	const login = "535 5.7.8 s3cret is no password of us"
	for name, tc := range map[string]struct {
		answers  map[string]string
		settings map[string]string
		says     string
		again    bool
	}{
		"a recipient":         {map[string]string{"RCPT": "550 no such"}, nil, `550 "no such"`, false},
		"a recipient for now": {map[string]string{"RCPT": "451 later"}, nil, `451 "later"`, true},
		"the sender":          {map[string]string{"MAIL": "553 not you"}, nil, `553 "not you"`, false},
		"the content":         {map[string]string{"content": "554 spam"}, nil, `554 "spam"`, false},
		"the content for now": {map[string]string{"content": "452 full"}, nil, `452 "full"`, true},
		"a login":             {map[string]string{"AUTH": login}, map[string]string{"username": "us", "password": "s3cret"}, "refuses the login", false},
		"any login":           {map[string]string{"EHLO": "250 mail.example.org"}, map[string]string{"username": "us", "password": "s3cret"}, "no login that can be used", false},
		"a connection":        {map[string]string{"greeting": "421 busy"}, nil, "answers 421", true},
	} {
		m := newMailServer(t, tc.answers)
		err := m.mailer(t, tc.settings).Send(t.Context(), letter())
		var failed *flows.Error
		if !errors.As(err, &failed) || !strings.Contains(failed.Message, tc.says) || strings.Contains(failed.Message, "s3cret") || !strings.Contains(failed.Message, `"post"`) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
			continue
		}
		if (failed.Class != "") != tc.again {
			t.Errorf("%s: class %q", name, failed.Class)
		}
	}
	nothing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(nothing.Addr().String())
	_ = nothing.Close()
	var failed *flows.Error
	if err := (&mailServer{port: port}).mailer(t, nil).Send(t.Context(), letter()); !errors.As(err, &failed) || failed.Class != flows.ClassNetwork || !strings.Contains(failed.Message, "does not accept connections") {
		t.Errorf("nothing listens: %v", err)
	}
}

// Without encryption a server that was not told to be trusted gets neither message nor password.
func TestMailWithoutEncryption(t *testing.T) {
	t.Parallel()
	for _, given := range []map[string]string{
		{"host": "mail.example.org", "tls": "none"}, {"host": "127.0.0.1", "trusted_network": "10.0.0.0/8"}, {"host": "mail.example.org", "tls": "none", "trusted_network": "everywhere"},
		{"host": "127.0.0.1", "from": "nobody"}, {"host": "127.0.0.1", "ca": "none"},
	} {
		if given["from"] == "" {
			given["from"] = "us@example.org"
		}
		s, err := read(&store.Connection{Name: "post", Settings: given}, smtpType())
		if err == nil {
			_, err = newMailer(s)
		}
		if err == nil {
			t.Errorf("%v is a mail server", given)
		}
	}
	m := newMailServer(t, map[string]string{"EHLO": "250 mail.example.org"})
	err := m.mailer(t, map[string]string{"tls": "starttls"}).Send(t.Context(), letter())
	if err == nil || !strings.Contains(err.Error(), "offers no STARTTLS") || len(m.content) != 0 {
		t.Errorf("a server without STARTTLS: %v, %d messages", err, len(m.content))
	}
}

// An address has its domain in ASCII. What is no address is rejected, and with it what would begin another header.
func TestParseAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ann@example.org": "ann@example.org", "Ann <ann@example.org>": "ann@example.org", "ann@bücher.example": "ann@xn--bcher-kva.example", "änn@example.org": "änn@example.org",
		"": "", "ann": "", "ann@": "", "ann@example.org, bob@example.org": "", "ann@example.org\r\nBcc: eve@example.org": "", "ann@exa\u200emple.org": "", "@example.org": "",
	} {
		got, err := parseAddress(text)
		if (err == nil) != (want != "") || err == nil && got.Address != want {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
}

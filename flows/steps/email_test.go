package steps_test

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// mailbox stores the connection to a mail server of the test.
func (w *world) mailbox(box *mailbox, encryption string) {
	w.t.Helper()
	w.connect("mail", "smtp", map[string]string{
		"host": "127.0.0.1", "port": box.port, "tls": encryption, "ca": box.ca,
		"username": "penstock", "password": "s3cret", "from": "Pénstock <flows@example.org>",
	})
}

// In a network that the connection trusts, messages and password are sent without TLS.
func TestEmailWithoutTLS(t *testing.T) {
	t.Parallel()
	box := newMailbox(t, false)
	w := newWorld(t)
	w.connect("mail", "smtp", map[string]string{
		"host": "localhost", "port": box.port, "tls": "none", "trusted_network": "10.0.0.0/8", "username": "penstock", "password": "s3cret", "from": "a@b.org",
	})
	w.must("email: {connection: mail, to: c@d.org, subject: s, text: t}", nil)
	if took := box.took(); len(took) != 1 || took[0].user != "penstock" {
		t.Errorf("took %+v", took)
	}
}

func TestEmailIsSent(t *testing.T) {
	t.Parallel()
	for _, encryption := range []string{"starttls", "implicit"} {
		t.Run(encryption, func(t *testing.T) {
			t.Parallel()
			box := newMailbox(t, encryption == "implicit")
			w := newWorld(t)
			w.mailbox(box, encryption)
			step := `email:
  connection: mail
  to: [{name: "${ .name }", address: "${ .email }"}, C <c@b.org>]
  cc: d@b.org
  bcc: ["secret@b.org"]
  reply_to: answers@b.org
  subject: Thank you, ${ .name } ☃
  text: "Dear ${ .name },\n.\nyour gift of ${ .amount } has arrived.\n"
  html: <p>Dear ${ .name | @html }</p>
  headers: {x-campaign: "${ .amount }"}
  attachments:
    - {name: "réceipt.csv", content: "a,b\n1,2\n"}
    - {name: photo, base64: AP8=, content_type: image/png}`
			if encryption == "implicit" { // the same list, by an expression
				fixed, _, _ := strings.Cut(step, "  attachments:")
				step = fixed + `  attachments: '${ [{name: "réceipt.csv", content: "a,b\n1,2\n", base64: null}, {name: "photo", base64: "AP8=", content_type: "image/png"}] }'`
			}
			first := w.must(step, event(t, `{"name": "Zoë <&>", "email": "a@b.org", "amount": 1.10}`))
			if again := w.must(step, event(t, `{"name": "Zoë <&>", "email": "a@b.org", "amount": 1.10}`)); again != first {
				t.Errorf("a repeated message is %s, the first %s", again, first)
			}
			sent := box.took()
			if len(sent) != 2 {
				t.Fatalf("%d messages", len(sent))
			}
			got := sent[0]
			if diff := cmp.Diff([]string{"a@b.org", "c@b.org", "d@b.org", "secret@b.org"}, got.to); diff != "" || got.from != "flows@example.org" || got.user != "penstock" {
				t.Errorf("from %s by %s (-want +got)\n%s", got.from, got.user, diff)
			}
			checkLetter(t, got.content)
		})
	}
}

func checkLetter(t *testing.T, content string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	decode := new(mime.WordDecoder)
	header := func(name string) string {
		text, err := decode.DecodeHeader(m.Header.Get(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return text
	}
	for name, want := range map[string]string{
		"From": `"Pénstock" <flows@example.org>`, "To": `"Zoë <&>" <a@b.org>, "C" <c@b.org>`, "Cc": "<d@b.org>", "Bcc": "", "Reply-To": "<answers@b.org>",
		"Subject": "Thank you, Zoë <&> ☃", "X-Campaign": "1.10", "User-Agent": "", "X-Mailer": "",
	} {
		if got := header(name); strings.ReplaceAll(got, `"`, "") != strings.ReplaceAll(want, `"`, "") {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if id := m.Header.Get("Message-Id"); !strings.HasSuffix(id, "@example.org>") || len(id) != len("<>@example.org")+32 {
		t.Errorf("Message-Id: %s", id)
	}
	want := []string{
		"text/plain: Dear Zoë <&>,\r\n.\r\nyour gift of 1.10 has arrived.\r\n",
		"text/html: <p>Dear Zoë &lt;&amp;&gt;</p>",
		"text/csv réceipt.csv: a,b\n1,2\n",
		"image/png photo: \x00\xff",
	}
	if diff := cmp.Diff(want, parts(t, m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)); diff != "" {
		t.Errorf("parts (-want +got)\n%s", diff)
	}
}

// parts are the leaves of a MIME tree: type, file name and content.
func parts(t *testing.T, contentType, encoding string, body io.Reader) []string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		if encoding == "base64" {
			body = base64.NewDecoder(base64.StdEncoding, body)
		}
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		name := ""
		if params["name"] != "" {
			decoded, _ := new(mime.WordDecoder).DecodeHeader(params["name"])
			name = " " + decoded
		}
		return []string{kind + name + ": " + string(content)}
	}
	var all []string
	for r := multipart.NewReader(body, params["boundary"]); ; { // the reader decodes quoted-printable
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parts(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)...)
	}
}

func TestEmailRefuses(t *testing.T) {
	t.Parallel()
	box := newMailbox(t, false)
	box.answer = func(to string) error {
		switch to {
		case "nobody@b.org":
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such\r\nmailbox"}
		case "busy@b.org":
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
		}
		return nil
	}
	w := newWorld(t)
	w.mailbox(box, "starttls")
	for _, test := range []struct {
		fields, event, message string
		class                  flows.Class
	}{
		{fields: "to: '${ . }', subject: s, text: t", event: `"a@b.org, evil@b.org"`, message: `to: "a@b.org, evil@b.org" is not one address`},
		{fields: "to: '${ . }', subject: s, text: t", event: `"a@b.org\r\nBcc: evil@b.org"`, message: "is not one address"},
		{fields: "to: '${ . }', subject: s, text: t", event: `"\"a\r\nBcc: evil@b.org\" <a@b.org>"`, message: "is not one address"},
		{fields: "to: '${ . }', subject: s, text: t", event: `{"a": 1}`, message: `to: "" is not an address`},
		{fields: "to: '${ . }', subject: s, text: t", event: `{"name": "a\r\nBcc: evil@b.org", "address": "a@b.org, evil@b.org"}`, message: "is not an address such as a@b.org"},
		{fields: "to: '${ . }', subject: s, text: t", event: `5`, message: "a number is no address"},
		{fields: "to: a@b.org, subject: '${ . }', text: t", event: `"s\nBcc: evil@b.org"`, message: "subject has a line break"},
		{fields: "to: a@b.org, subject: s, text: t, headers: {x-a: '${ . }'}", event: `"s\r\n\r\nbody"`, message: "header x-a has a line break"},
		{fields: "to: a@b.org, subject: s, text: t, from: '${ . }'", event: `["a@b.org", "b@b.org"]`, message: "from is not one address"},
		{fields: "to: a@b.org, subject: s, text: t, attachments: [{name: '${ . }', content: c}]", event: `"a\r\nX: y"`, message: "the name of an attachment has a line break"},
		{fields: "to: a@b.org, subject: s, text: t, attachments: [{name: a, base64: '${ . }'}]", event: `"*"`, message: "base64 does not hold base64"},
		{fields: "to: a@b.org, subject: s, text: t, attachments: '${ . }'", event: `{"name": "a"}`, message: "attachments: expected a list of at most 1000 objects"},
		{fields: "to: a@b.org, subject: s, text: t, attachments: '${ . }'", event: `[{"name": "a", "content": "", "conten_type": "b"}]`, message: `attachments: entry 0: unknown member "conten_type" did you mean content_type?`},
		{fields: "to: a@b.org, subject: s, text: t, attachments: '${ . }'", event: `[{"name": "a", "content": "${ .x }"}, {"name": "a", "content": "b", "base64": "Yg=="}]`, message: "attachments: entry 1: content and base64 exclude each other"},
		{fields: "to: a@b.org, subject: s, text: t, attachments: '${ . }'", event: `[{"content": "b"}]`, message: "attachments: entry 0: name is missing"},
		{fields: "to: '${ . }', subject: s, text: t", event: `[]`, message: "the message has no recipient"},
		{fields: "to: a@b.org, subject: s, text: '${ . }'", event: `null`, message: "the message is empty"},
		{fields: "to: a@b.org, bcc: nobody@b.org, subject: s, text: t", event: `null`, message: `step email: connection "mail": the mail server refuses the message: `},
		{fields: "to: busy@b.org, subject: s, text: t", event: `null`, message: "451", class: flows.ClassNetwork},
	} {
		_, err := w.run(t.Context(), "email: {connection: mail, "+test.fields+"}", event(t, test.event))
		var failure *flows.Error
		if !errors.As(err, &failure) || !strings.Contains(err.Error(), test.message) || strings.ContainsAny(err.Error(), "\r\n") || failure.Class != test.class {
			t.Errorf("%s of %s: %v, want %s", test.fields, test.event, err, test.message)
		}
		if err != nil && strings.Contains(err.Error(), "nobody") {
			t.Errorf("the error names a blind copy: %v", err)
		}
	}
	if sent := box.took(); len(sent) != 0 {
		t.Errorf("sent: %v", sent)
	}
}

func TestEmailServerTrouble(t *testing.T) {
	t.Parallel()
	box := newMailbox(t, false)
	w := newWorld(t)
	good := map[string]string{"host": "127.0.0.1", "port": box.port, "ca": box.ca, "from": "a@b.org", "username": "penstock", "password": "s3cret"}
	for _, test := range []struct {
		change  map[string]string
		timeout string
		message string
		class   flows.Class
	}{
		{map[string]string{"password": "wr0ng"}, "1m", "the mail server refuses the login", ""},
		{map[string]string{"ca": ""}, "1m", "the mail server has a certificate that is not trusted", ""},
		{map[string]string{"port": "1"}, "1m", "the mail server does not accept connections", flows.ClassNetwork},
		{map[string]string{"port": silence(t)}, "300ms", "took longer than its timeout of 300ms", flows.ClassTimeout},
	} {
		settings := map[string]string{}
		for name, value := range good {
			settings[name] = value
		}
		for name, value := range test.change {
			settings[name] = value
		}
		w.connect("mail", "smtp", settings)
		_, err := w.run(t.Context(), "email: {connection: mail, to: a@b.org, subject: s, text: t}\ntimeout: "+test.timeout, nil)
		var failure *flows.Error
		if !errors.As(err, &failure) || !strings.Contains(err.Error(), test.message) || failure.Class != test.class {
			t.Errorf("%v: %v, want %s", test.change, err, test.message)
		}
		for _, hidden := range []string{"s3cret", "wr0ng", "127.0.0.1"} {
			if err != nil && strings.Contains(err.Error(), hidden) {
				t.Errorf("the error shows a value of the connection: %v", err)
			}
		}
	}
}

func TestEmailMistakes(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		"subject: s, text: t":                                         "the message has no recipient",
		"to: a@b.org, subject: s":                                     "the message is empty",
		"to: a@b.org, text: t":                                        "subject is missing",
		"to: a@b.org, subject: s, text: t, headers: {Bcc: x}":         "the header Bcc is not set here",
		"to: a@b.org, subject: s, text: t, headers: {content-id: x}":  "the header content-id is not set here",
		"to: a@b.org, subject: s, text: t, headers: {'a b': x}":       "is not a header name",
		"to: a@b.org, subject: s, text: t, headers: {X-A: x, x-a: y}": "comes twice",
		"to: a@b.org, subject: s, text: t, attachments: 'a ${ .b }'":  "expected one ${ } alone, which gives all of it",
		"to: a@b.org, subject: s, text: t, attachments: text":         "expected a list",
		"to: a@b.org, subject: s, text: t, attachments: [{name: a}]":  "one of its fields is missing",
	} {
		if _, err := oneStep("email: {connection: mail, " + fields + "}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", fields, err, want)
		}
	}
}

package imap

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

// nested returns a message of parts in parts.
func nested(levels int) string {
	var b strings.Builder
	for i := range levels {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	return b.String() + "Content-Type: text/plain\r\n\r\ndeep\r\n"
}

// A message may hold anything: what can be read is read, within limits, and the rest is named.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	many := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n", 2*maxParts) + "--b--\r\n"
	for name, tt := range map[string]struct {
		message, text, incomplete string
		attachments               int
	}{
		"empty":             {message: ""},
		"no headers":        {message: "\r\nbody", text: "body"},
		"only headers":      {message: "Subject: a\r\n"},
		"nested":            {message: nested(maxDepth), text: "deep", incomplete: "EOF"},
		"nested too deep":   {message: nested(maxDepth + 1), incomplete: "parts are nested deeper than 20 levels"},
		"nested very deep":  {message: nested(20_000), incomplete: "parts are nested deeper than 20 levels"},
		"many parts":        {message: many, attachments: maxParts - 1, incomplete: "there are more than 500 parts"},
		"large headers":     {message: strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 600) + "\r\nbody", incomplete: "the headers cannot be read"},
		"large text":        {message: "\r\n" + strings.Repeat("a", maxContent+1), text: strings.Repeat("a", maxContent), incomplete: "the text is larger than 4000000 bytes"},
		"no boundary":       {message: "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx", incomplete: "boundary is empty"},
		"unknown charset":   {message: "Content-Type: text/plain; charset=none\r\n\r\n\xe4b", text: "\uFFFDb", incomplete: "a text has bytes that are not of its charset"},
		"unknown encoding":  {message: "Content-Transfer-Encoding: rot13\r\n\r\nuryyb", text: "uryyb"},
		"broken base64":     {message: "Content-Transfer-Encoding: base64\r\n\r\nYWJj!!", text: "abc", incomplete: "a text cannot be decoded"},
		"broken attachment": {message: "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj!!", incomplete: "an attachment cannot be decoded"},
		"broken type":       {message: "Content-Type: ;;;\r\n\r\nx", text: "x"},
		"nul":               {message: "Subject: a\x00b\r\n\r\nx\x00", text: "x\x00"},
		"a message in it":   {message: "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx", attachments: 1},
	} {
		attachments := 0
		m, err := parse([]byte(tt.message), func(p part) error {
			_, err := io.Copy(io.Discard, p.content)
			if err == nil {
				attachments++
			}
			return err
		})
		if err != nil || m.text != tt.text || attachments != tt.attachments {
			t.Errorf("%s: %v, text %.100q, %d attachments", name, err, m.text, attachments)
		}
		if (tt.incomplete == "") != (m.incomplete == "") || !strings.Contains(m.incomplete, tt.incomplete) {
			t.Errorf("%s: incomplete %q, want %q", name, m.incomplete, tt.incomplete)
		}
		item := map[string]any{}
		m.describe(item)
		item["headers"], _ = m.headers(maxHeaders)
		if _, err := flows.DecodeJSON(flows.EncodeJSON(item)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a header has that cannot be read is named, and what can be read is there.
func TestHeadersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for headers, want := range map[string]string{
		"From: Foo, Inc. <a@b.org>\r\n":                       `{"from":["a@b.org"],"incomplete":"the header From has what is no address, or too many"}`,
		"From: \"x, y\" <a@b.org>, garbage, c@d.org\r\n":      `{"from":["a@b.org","c@d.org"],"incomplete":"the header From has what is no address, or too many"}`,
		"From: =?utf-8?q?=C3=A4?= <a@b.org>\r\nTo:\r\n":       `{"from":["a@b.org"],"incomplete":null}`,
		"From: a@b.org\r\nDate: not a date\r\nTo: nobody\r\n": `{"from":["a@b.org"],"incomplete":"the header Date cannot be read; the header To has what is no address, or too many"}`,
		"Subject: x\r\n": `{"from":[],"incomplete":null}`,
	} {
		m, err := parse([]byte(headers+"\r\nbody"), func(part) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		item := map[string]any{}
		m.describe(item)
		from := []any{}
		for _, a := range item["from"].([]any) {
			from = append(from, a.(map[string]any)["address"])
		}
		if got := string(flows.EncodeJSON(map[string]any{"from": from, "incomplete": item["incomplete"]})); got != want {
			t.Errorf("%s: %s, want %s", headers, got, want)
		}
	}
}

// The error of whoever stores an attachment ends the parsing.
func TestAttachmentsCannotBeStored(t *testing.T) {
	t.Parallel()
	refused := errors.New("no room")
	if _, err := parse([]byte("Content-Type: a/b\r\n\r\nx"), func(part) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
}

// FuzzParse looks for messages that stop the program.
func FuzzParse(f *testing.F) {
	f.Add([]byte(letter))
	f.Add([]byte(nested(3)))
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := parse(content, func(p part) error {
			_, err := io.Copy(io.Discard, p.content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		item := map[string]any{}
		m.describe(item)
		item["headers"], _ = m.headers(maxEventHeaders)
		if _, err := flows.DecodeJSON(flows.EncodeJSON(item)); err != nil {
			t.Error(err)
		}
	})
}

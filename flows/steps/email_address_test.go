package steps_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/flows"
)

// A domain is sent in ASCII to every server. Other characters before the @ need SMTPUTF8 (RFC 6531).
func TestEmailInternationalAddresses(t *testing.T) {
	t.Parallel()
	const send = "email: {connection: mail, to: '${ . }', subject: s, text: t}"
	for _, offered := range []bool{false, true} {
		box := newMailbox(t, false, func(s *smtp.Server) { s.EnableSMTPUTF8 = offered })
		w := newWorld(t)
		w.mailbox(box, "starttls")
		w.must(send, "Zoë <info@müller.example>")
		_, err := w.run(t.Context(), send, "Pelé <pelé@müller.example>")
		sent := box.took()
		if got := sent[0]; !cmp.Equal(got.to, []string{"info@xn--mller-kva.example"}) || !strings.Contains(got.content, "=?utf-8?q?Zo=C3=AB?= <info@xn--mller-kva.example>") {
			t.Errorf("to %v:\n%s", got.to, got.content)
		}
		if !offered {
			var failed *flows.Error
			if !errors.As(err, &failed) || failed.Class != "" || !strings.Contains(failed.Message, `connection "mail": the mail server offers no SMTPUTF8 (RFC 6531)`) || len(sent) != 1 {
				t.Errorf("without SMTPUTF8: %v, %d sent", err, len(sent))
			}
			continue
		}
		if err != nil || len(sent) != 2 || !cmp.Equal(sent[1].to, []string{"pelé@xn--mller-kva.example"}) || !strings.Contains(sent[1].content, "<pelé@xn--mller-kva.example>") {
			t.Errorf("with SMTPUTF8: %v, %v", err, sent)
		}
	}
}

func TestEmailLeavesEmptyAddressesOut(t *testing.T) {
	t.Parallel()
	box := newMailbox(t, false)
	w := newWorld(t)
	w.mailbox(box, "starttls")
	for _, empty := range []any{"", " ", nil, []any{}, []any{nil, ""}, map[string]any{"name": "Zoë", "address": nil}} {
		w.must("email: {connection: mail, to: a@b.org, cc: '${ . }', bcc: '${ . }', reply_to: '${ . }', subject: s, text: t}", empty)
		sent := box.took()
		if got := sent[len(sent)-1]; len(got.to) != 1 || strings.Contains(got.content, "Cc:") || strings.Contains(got.content, "Reply-To:") {
			t.Errorf("%v: to %v:\n%s", empty, got.to, got.content)
		}
	}
	w.must("email: {connection: mail, to: a@b.org, cc: ['', c@b.org], subject: s, text: t}", nil)
	if sent := box.took(); !cmp.Equal(sent[len(sent)-1].to, []string{"a@b.org", "c@b.org"}) {
		t.Errorf("to %v", sent[len(sent)-1].to)
	}
	for _, bad := range []string{"to: ''", "to: [a@b.org, '']", "to: a@b.org, cc: {mail: c@b.org}", "to: a@b.org, from: ''"} {
		if _, err := w.run(t.Context(), "email: {connection: mail, "+bad+", subject: s, text: t}", nil); err == nil {
			t.Errorf("%s is sent", bad)
		}
	}
}

package connect

import (
	"bytes"
	"cmp"
	"errors"
	"mime"
	"net/mail"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/penstock/penstock/flows"
)

// compose creates the message (RFC 5322, MIME).
func (m *mailer) compose(message *flows.Mail) (*gomail.Msg, error) {
	from, err := mail.ParseAddress(cmp.Or(message.From, m.from))
	if err != nil {
		return nil, errors.New("from is no address")
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	msg.Subject(message.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(message.ID + "@" + from.Address[strings.LastIndexByte(from.Address, '@')+1:])
	if err := errors.Join(msg.To(message.To...), msg.Cc(message.Cc...), msg.Bcc(message.Bcc...)); err != nil {
		return nil, err
	}
	if len(message.ReplyTo) > 0 {
		if err := msg.SetAddrHeader(gomail.HeaderReplyTo, message.ReplyTo...); err != nil {
			return nil, err
		}
	}
	for _, h := range message.Headers {
		msg.SetGenHeader(gomail.Header(h.Name), h.Value)
	}
	setBody(msg, message)
	for _, a := range message.Attachments {
		if err := msg.AttachReader(a.Name, bytes.NewReader(a.Content), gomail.WithFileContentType(contentType(a))); err != nil {
			return nil, err
		}
	}
	return msg, nil
}

func setBody(msg *gomail.Msg, message *flows.Mail) {
	switch {
	case message.HTML == "":
		msg.SetBodyString(gomail.TypeTextPlain, message.Text)
	case message.Text == "":
		msg.SetBodyString(gomail.TypeTextHTML, message.HTML)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, message.Text)
		msg.AddAlternativeString(gomail.TypeTextHTML, message.HTML)
	}
}

func contentType(a flows.Attachment) gomail.ContentType {
	return gomail.ContentType(cmp.Or(a.ContentType, mime.TypeByExtension(path.Ext(a.Name)), "application/octet-stream"))
}

// maxReply is the maximum length of a quoted server response in bytes.
const maxReply = 200

// firstLine returns the server's response on one line.
func firstLine(err error) string {
	line := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(line) > maxReply {
		line = line[:maxReply]
		for !utf8.ValidString(line) {
			line = line[:len(line)-1]
		}
		line += "…"
	}
	return line
}

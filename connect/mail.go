package connect

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"github.com/penstock/penstock/flows"
)

// compose creates the message (RFC 5322, MIME).
func (m *mailer) compose(message *flows.Mail) (*gomail.Msg, error) {
	from, err := parseAddress(cmp.Or(message.From, m.from))
	if err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(from)
	msg.Subject(message.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(message.ID + "@" + from.Address[strings.LastIndexByte(from.Address, '@')+1:])
	for header, texts := range map[gomail.AddrHeader][]string{
		gomail.HeaderTo: message.To, gomail.HeaderCc: message.Cc, gomail.HeaderBcc: message.Bcc, gomail.HeaderReplyTo: message.ReplyTo,
	} {
		addresses := make([]*mail.Address, len(texts))
		for i, text := range texts {
			if addresses[i], err = parseAddress(text); err != nil {
				return nil, err
			}
		}
		if len(addresses) > 0 {
			msg.SetAddrHeaderFromMailAddress(header, addresses...)
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

// parseAddress returns an address with its domain in ASCII (RFC 5891).
func parseAddress(text string) (*mail.Address, error) {
	address, err := mail.ParseAddress(text)
	if err != nil {
		return nil, errors.New("it is no address")
	}
	at := strings.LastIndexByte(address.Address, '@')
	if isASCII(address.Address[at+1:]) {
		return address, nil
	}
	domain, err := idna.Lookup.ToASCII(address.Address[at+1:])
	if err != nil {
		return nil, errors.New("the domain of an address does not exist in ASCII")
	}
	address.Address = address.Address[:at+1] + domain
	return address, nil
}

// needsUTF8 reports whether an address of the message has characters beyond ASCII before its @.
func needsUTF8(msg *gomail.Msg) bool {
	for _, header := range []gomail.AddrHeader{gomail.HeaderFrom, gomail.HeaderTo, gomail.HeaderCc, gomail.HeaderBcc, gomail.HeaderReplyTo} {
		if slices.ContainsFunc(msg.GetAddrHeader(header), func(a *mail.Address) bool { return !isASCII(a.Address) }) {
			return true
		}
	}
	return false
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
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

package email

import (
	"cmp"
	"context"
	"fmt"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// Limits of one message.
const (
	maxRecipients = 100
	maxMessage    = 25_000_000 // bytes of text and attachments
)

func (s *step) render(ctx context.Context, in *flows.Input) (*flows.Mail, error) {
	r := renderer{ctx: ctx, in: in}
	m := &flows.Mail{
		ID: messageID(in),
		To: r.addresses("to", s.to), Cc: r.givenAddresses("cc", s.cc), Bcc: r.givenAddresses("bcc", s.bcc),
		ReplyTo: r.givenAddresses("reply_to", s.replyTo),
		Subject: r.line("subject", s.subject),
		Text:    r.text(s.text), HTML: r.text(s.html),
	}
	if from := r.addresses("from", s.from); len(from) == 1 {
		m.From = from[0]
	} else if s.from != nil && r.err == nil {
		return nil, failure.Errorf("from is not one address")
	}
	for _, h := range s.headers {
		m.Headers = append(m.Headers, flows.MailHeader{Name: textproto.CanonicalMIMEHeaderKey(h.Name), Value: r.line("header "+h.Name, h.Value)})
	}
	attachments, err := s.attachments.Render(ctx, in)
	if err != nil && r.err == nil {
		r.err = err
	}
	for _, a := range attachments {
		m.Attachments = append(m.Attachments, r.attachment(attachment{
			name: a.Template("name"), content: a.Template("content"), base64: a.Template("base64"), file: a.Template("file"), contentType: a.Template("content_type"),
		}))
	}
	if r.err != nil {
		return nil, r.err
	}
	if err := checkMail(m); err != nil {
		return nil, err
	}
	const copies = 4 // base64 of the parts, and the message as it is sent
	return m, failure.Limit(in.Charger(ctx).Charge(copies * mailSize(m)))
}

// mailSize returns the size of text and attachments in bytes.
func mailSize(m *flows.Mail) int64 {
	size := len(m.Text) + len(m.HTML)
	for _, a := range m.Attachments {
		size += len(a.Content)
	}
	return int64(size)
}

func checkMail(m *flows.Mail) error {
	switch n := len(m.To) + len(m.Cc) + len(m.Bcc); {
	case n == 0:
		return failure.Errorf("the message has no recipient: to, cc and bcc are empty")
	case n > maxRecipients:
		return failure.Errorf("the message has %d recipients; %d are allowed", n, maxRecipients)
	case m.Text == "" && m.HTML == "":
		return failure.Errorf("the message is empty")
	case mailSize(m) > maxMessage:
		return failure.Errorf("the message is larger than %s", flows.SizeText(maxMessage))
	}
	return nil
}

// renderer renders until the first error, which it keeps.
type renderer struct {
	ctx context.Context
	in  *flows.Input
	err error
}

// value renders a template; nil for a nil template and after an error.
func (r *renderer) value(t *flows.Template) any {
	if t == nil || r.err != nil {
		return nil
	}
	v, err := t.Render(r.ctx, r.in)
	if err != nil {
		r.err = err
		return nil
	}
	return v
}

func (r *renderer) text(t *flows.Template) string {
	if v := r.value(t); v != nil {
		return content.ScalarText(v)
	}
	return ""
}

// line renders text for a header field. It rejects line breaks, which would start another field.
func (r *renderer) line(what string, t *flows.Template) string {
	text := r.text(t)
	if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) && r.err == nil {
		r.err = failure.Errorf("%s has a line break or another control character in it", what)
	}
	return text
}

// addresses renders one address from a text or an object, several from a list. Each text is one address: a comma in a
// value adds no recipient.
func (r *renderer) addresses(what string, t *flows.Template) []string {
	return r.addressList(what, asList(r.value(t)))
}

// givenAddresses is addresses, without the entries that are empty: null, empty text, or an object without an address.
func (r *renderer) givenAddresses(what string, t *flows.Template) []string {
	return r.addressList(what, slices.DeleteFunc(slices.Clone(asList(r.value(t))), isEmptyAddress))
}

func asList(v any) []any {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	return list
}

func isEmptyAddress(v any) bool {
	if object, ok := v.(map[string]any); ok {
		if v, ok = object["address"]; !ok {
			return false // not an address at all
		}
	}
	text, isText := v.(string)
	return v == nil || isText && strings.TrimSpace(text) == ""
}

func (r *renderer) addressList(what string, list []any) []string {
	var all []string
	for _, element := range list {
		address, err := addressOf(element)
		if err != nil && r.err == nil {
			r.err = failure.Errorf("%s: %v", what, err)
		}
		all = append(all, address)
	}
	return all
}

// addressOf accepts "a@b.org", "Name <a@b.org>" or {address, name}.
func addressOf(v any) (string, error) {
	text, isText := v.(string)
	if object, ok := v.(map[string]any); ok {
		name, _ := object["name"].(string)
		address, _ := object["address"].(string)
		bare, err := mail.ParseAddress(address)
		if err != nil || bare.Address != address || !isPlain(address) {
			return "", fmt.Errorf("%q is not an address such as a@b.org", failure.ShortLine(address))
		}
		text, isText = (&mail.Address{Name: name, Address: address}).String(), true
	}
	if !isText {
		return "", fmt.Errorf("%s is no address: write text, {name, address} or a list of them", content.TypeName(v))
	}
	if !isOneAddress(text) {
		return "", fmt.Errorf("%q is not one address such as a@b.org; {name, address} takes any name", failure.ShortLine(text))
	}
	return text, nil
}

// isOneAddress reports whether a text is "a@b.org" or "Name <a@b.org>", with an optionally quoted name. It rejects
// the other forms of RFC 5322 (groups, comments, routes, domain literals, quoted local parts), because mail programs
// disagree on the recipients that they name.
func isOneAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	if err != nil || strings.ContainsAny(text+parsed.Name, "\r\n") || !isPlain(parsed.Address) {
		return false
	}
	if text == parsed.Address {
		return true
	}
	name, ok := strings.CutSuffix(text, "<"+parsed.Address+">")
	if name = strings.TrimSpace(name); !ok {
		return false
	}
	bare := strings.NewReplacer(`\\`, "", `\"`, "").Replace(name)
	quoted := len(bare) >= 2 && bare[0] == '"' && bare[len(bare)-1] == '"' && strings.Count(bare, `"`) == 2
	return quoted || !strings.ContainsAny(name, `"()<>[]:;,@\`)
}

// isPlain reports whether the local part and the domain are words separated by dots.
func isPlain(address string) bool {
	local, domain, ok := strings.Cut(address, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(domain, "@") && !strings.ContainsAny(address, "\"()<>[]:;,\\ \t\r\n")
}

// attachment is a file attached to the message.
type attachment struct{ name, content, base64, file, contentType *flows.Template }

func (r *renderer) attachment(a attachment) flows.Attachment {
	rendered := flows.Attachment{Name: r.line("the name of an attachment", a.name), ContentType: r.line("content_type", a.contentType)}
	switch {
	case a.file != nil:
		r.attachFile(&rendered, r.value(a.file))
	case a.base64 == nil:
		if text := r.text(a.content); r.err == nil {
			rendered.Content, r.err = content.EncodeText(r.in.Charger(r.ctx), []byte(text), rendered.ContentType)
		}
	case r.err == nil:
		rendered.Content, r.err = content.DecodeBase64(r.ctx, r.in, a.base64)
	}
	return rendered
}

// attachFile attaches a file of the run. Its content type is the default.
func (r *renderer) attachFile(to *flows.Attachment, v any) {
	if r.err != nil {
		return
	}
	var file flows.File
	to.Content, file, r.err = content.ReadFile(r.ctx, r.in, v, maxMessage)
	to.ContentType = cmp.Or(to.ContentType, file.ContentType)
}

// checkHeaders rejects header fields that other parameters or the mail server set.
func checkHeaders(args *flows.Args, headers []flows.Field) error {
	reserved := []string{
		"From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Date", "Message-Id", "Sender", "Return-Path", "Received",
		"Mime-Version", "Dkim-Signature",
	}
	seen := map[string]bool{}
	for _, h := range headers {
		name := textproto.CanonicalMIMEHeaderKey(h.Name)
		switch {
		case !httpguts.ValidHeaderFieldName(h.Name):
			return args.Refuse(problem.BadHeader, "headers", "%q is not a header name", h.Name)
		case slices.Contains(reserved, name) || strings.HasPrefix(name, "Content-"):
			return args.Refuse(problem.BadHeader, "headers", "the header %s is not set here", h.Name)
		case seen[name]:
			return args.Refuse(problem.DuplicateName, "headers", "the header %s comes twice", h.Name)
		}
		seen[name] = true
	}
	return nil
}

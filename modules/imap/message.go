package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // texts become UTF-8
	"github.com/emersion/go-message/mail"
)

// Limits of what is read of a message, which anybody may have sent.
const (
	maxDepth   = 20
	maxParts   = 500
	maxHeaders = 512 << 10 // bytes of the message's own headers
	maxContent = 4_000_000 // bytes of all texts, and of all HTML
)

// parsed is a message, as far as it could be read.
type parsed struct {
	header     mail.Header
	text, html string
	incomplete string // why not all was read; empty: all was
}

// part is an attachment.
type part struct {
	name, contentType, contentID string
	inline                       bool
	content                      io.Reader
}

// parser reads a message.
type parser struct {
	parsed
	parts  int
	attach func(part) error // gets each attachment, and reads it; its errors end the parsing
}

// attachError is an error of parser.attach.
type attachError struct{ error }

func (e attachError) Unwrap() error { return e.error }

// parse reads a message. Its only errors are those of attach: whatever is wrong with the message is in incomplete.
func parse(content []byte, attach func(part) error) (parsed, error) {
	p := &parser{attach: attach}
	root, err := message.ReadWithOptions(bytes.NewReader(content), &message.ReadOptions{MaxHeaderBytes: maxHeaders})
	if root == nil {
		p.missing("the headers cannot be read: %v", err)
		return p.parsed, nil
	}
	p.header = mail.Header{Header: root.Header}
	err = p.entity(root, 0)
	var failed attachError
	if errors.As(err, &failed) {
		return p.parsed, failed.error
	}
	if err != nil {
		p.missing("%v", err)
	}
	return p.parsed, nil
}

// missing notes the first reason for which something could not be read.
func (p *parser) missing(format string, args ...any) {
	if p.incomplete == "" {
		p.incomplete = clean(fmt.Sprintf("%.300s", fmt.Sprintf(format, args...)))
	}
}

// entity reads a part, and those in it. Errors end the parsing.
func (p *parser) entity(e *message.Entity, depth int) error {
	if p.parts++; p.parts > maxParts {
		return fmt.Errorf("there are more than %d parts", maxParts)
	}
	inside := e.MultipartReader()
	if inside == nil {
		return p.leaf(e)
	}
	if depth == maxDepth {
		p.missing("parts are nested deeper than %d levels", maxDepth)
		return nil
	}
	for {
		next, err := inside.NextPart()
		switch {
		case err == io.EOF:
			return nil
		case next == nil:
			return fmt.Errorf("a part cannot be read: %w", err)
		}
		if err := p.entity(next, depth+1); err != nil { // of an unknown charset or encoding, the bytes are read
			return err
		}
	}
}

// leaf reads a part that is text, HTML or an attachment.
func (p *parser) leaf(e *message.Entity) error {
	contentType, params, err := e.Header.ContentType()
	if err != nil || contentType == "" {
		contentType = "text/plain"
	}
	disposition, dispositionParams, _ := e.Header.ContentDisposition()
	name := dispositionParams["filename"]
	if name == "" {
		name = params["name"]
	}
	if disposition != "attachment" && name == "" && (contentType == "text/plain" || contentType == "text/html") {
		return p.body(e.Body, contentType)
	}
	source := &reading{r: e.Body}
	err = p.attach(part{
		name: clean(name), contentType: contentType, contentID: clean(strings.Trim(e.Header.Get("Content-Id"), "<> ")), inline: disposition == "inline", content: source,
	})
	switch {
	case source.err != nil:
		p.missing("an attachment cannot be decoded: %v", source.err)
	case err != nil:
		return attachError{err}
	}
	return nil
}

// body appends to the text or the HTML.
func (p *parser) body(from io.Reader, contentType string) error {
	to := &p.text
	if contentType == "text/html" {
		to = &p.html
	}
	room := maxContent - len(*to)
	content, err := io.ReadAll(io.LimitReader(from, int64(room)+1))
	if err != nil {
		p.missing("a text cannot be decoded: %v", err)
	}
	if len(content) > room {
		content = content[:room]
		p.missing("the text is larger than %d bytes", maxContent)
	}
	if *to != "" && len(content) > 0 {
		*to += "\n"
	}
	*to += clean(string(content))
	return nil
}

// reading notes the error of a reader.
type reading struct {
	r   io.Reader
	err error // not io.EOF
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// headers returns the decoded headers by lower-case name, of at most so many bytes, and whether these are all.
func (m *parsed) headers(most int) (all map[string]any, complete bool) {
	all = map[string]any{}
	for fields := m.header.Fields(); fields.Next(); {
		text, err := fields.Text()
		if err != nil {
			text = fields.Value()
		}
		if most -= len(fields.Key()) + len(text); most < 0 {
			return all, false
		}
		name := strings.ToLower(clean(fields.Key()))
		values, _ := all[name].([]any)
		all[name] = append(values, clean(text))
	}
	return all, true
}

// describe adds what the headers say.
func (m *parsed) describe(item map[string]any) {
	subject, err := m.header.Subject()
	if err != nil {
		subject = m.header.Get("Subject")
	}
	id, _ := m.header.MessageID()
	date, err := m.header.Date()
	if err != nil {
		date = time.Time{}
	}
	item["subject"], item["message_id"], item["date"], item["in_reply_to"] = clean(subject), textOf(id), timeOf(date), nil
	if ids, err := m.header.MsgIDList("In-Reply-To"); err == nil && len(ids) > 0 {
		item["in_reply_to"] = textOf(ids[0])
	}
	for member, header := range map[string]string{"from": "From", "to": "To", "cc": "Cc", "reply_to": "Reply-To"} {
		all := []any{}
		list, _ := m.header.AddressList(header) // a list that is none has no addresses; the header is in headers
		for _, a := range list[:min(len(list), maxAddresses)] {
			all = append(all, map[string]any{"name": clean(a.Name), "address": clean(a.Address)})
		}
		item[member] = all
	}
	item["incomplete"] = textOf(m.incomplete)
}

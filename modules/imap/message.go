package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

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
	incomplete string // why not all was read, in words; empty: all was
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

// maxIncomplete limits the reasons in parsed.incomplete in bytes; further ones are left out.
const maxIncomplete = 1000

// missing notes a reason for which something could not be read.
func (m *parsed) missing(format string, args ...any) {
	reason := clean(fmt.Sprintf("%.300s", fmt.Sprintf(format, args...)))
	switch {
	case m.incomplete == "":
		m.incomplete = reason
	case len(m.incomplete)+len(reason) < maxIncomplete && !strings.Contains(m.incomplete, reason):
		m.incomplete += "; " + reason
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
	if !utf8.Valid(content) {
		p.missing("a text has bytes that are not of its charset")
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
	id, err := m.header.MessageID()
	if err != nil && m.header.Has("Message-Id") {
		m.missing("the header Message-ID cannot be read")
	}
	date, err := m.header.Date()
	if err != nil {
		if date = (time.Time{}); m.header.Has("Date") {
			m.missing("the header Date cannot be read")
		}
	}
	item["subject"], item["message_id"], item["date"], item["in_reply_to"] = clean(subject), textOf(id), timeOf(date), nil
	if ids, err := m.header.MsgIDList("In-Reply-To"); err == nil && len(ids) > 0 {
		item["in_reply_to"] = textOf(ids[0])
	}
	for _, header := range []string{"From", "To", "Cc", "Reply-To"} {
		member := strings.ReplaceAll(strings.ToLower(header), "-", "_")
		all := []any{}
		list, complete := addressesOf(m.header.Get(header))
		if !complete {
			m.missing("the header %s has what is no address, or too many", header)
		}
		for _, a := range list {
			all = append(all, map[string]any{"name": clean(a.Name), "address": clean(a.Address)})
		}
		item[member] = all
	}
	item["incomplete"] = textOf(m.incomplete)
}

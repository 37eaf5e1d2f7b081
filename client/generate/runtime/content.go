package runtime

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// File is a file to send, as a body or in a form. A call is repeated only if Content is an io.Seeker, or was not read: each
// attempt sends it from where it was at first. A call that is signed with an API key reads other contents into memory.
type File struct {
	Content     io.Reader
	Name        string // in a form; empty: "file"
	ContentType string // empty: that of the operation, or application/octet-stream
}

// Form is a form with files whose fields the API does not describe, by name. A File and a []File are sent as files, a string
// as it is, and other values as JSON.
type Form map[string]any

const typeBytes = "application/octet-stream"

// addForm makes the body a form without fields.
func (q *request) addForm() { q.parts = []part{} }

// part is a field of a form.
type part struct {
	name  string
	value any
}

func (q *request) addPart(name string, v any) {
	if files, ok := v.([]File); ok {
		for _, f := range files {
			q.addPart(name, f)
		}
		return
	}
	q.parts = append(q.parts, part{name, v})
}

func (q *request) addParts(form Form) {
	for _, name := range slices.Sorted(maps.Keys(form)) {
		q.addPart(name, form[name])
	}
}

// content is the body of a request: sources one after another. One attempt uses it at a time.
type content []*source

// source is a part of a content.
type source struct {
	reader      io.Reader
	seeker      io.Seeker // nil: it can be read once
	start, size int64     // of the reader; size -1: it is not known
	begun       bool      // something was read
}

func newSource(r io.Reader) *source {
	s := &source{reader: r, size: -1}
	seeker, ok := r.(io.Seeker)
	if !ok {
		return s
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil { // a pipe
		return s
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if _, back := seeker.Seek(start, io.SeekStart); err != nil || back != nil {
		return s
	}
	s.seeker, s.start, s.size = seeker, start, end-start
	return s
}

func textOf(text []byte) content { return content{newSource(bytes.NewReader(text))} }

// content returns the body of the request with its content type; empty: it has none.
func (q *request) content() (content, string, error) {
	if q.parts != nil {
		return q.form()
	}
	switch body := q.body.(type) {
	case nil:
		return nil, "", nil
	case File:
		if body.Content == nil {
			return nil, "", errors.New("encode request: the file has no Content")
		}
		return content{newSource(body.Content)}, cmp.Or(body.ContentType, q.media, typeBytes), nil
	case url.Values:
		return textOf([]byte(body.Encode())), "application/x-www-form-urlencoded", nil
	}
	text, err := json.Marshal(q.body)
	if err != nil {
		return nil, "", fmt.Errorf("encode request: %w", err)
	}
	return textOf(text), "application/json", nil
}

// form encodes a form (RFC 7578).
func (q *request) form() (content, string, error) {
	var all content
	var text bytes.Buffer
	form := multipart.NewWriter(&text)
	for _, p := range q.parts {
		header := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + quoted(p.name) + `"`}}
		var value []byte
		file, isFile := p.value.(File)
		switch said, isText := p.value.(string); {
		case isFile && file.Content == nil:
			return nil, "", fmt.Errorf("encode request: the file %s has no Content", p.name)
		case isFile:
			header["Content-Disposition"][0] += `; filename="` + quoted(cmp.Or(file.Name, "file")) + `"`
			header.Set("Content-Type", cmp.Or(file.ContentType, typeBytes))
		case isText:
			value = []byte(said)
		default:
			var err error
			if value, err = json.Marshal(p.value); err != nil {
				return nil, "", fmt.Errorf("encode request: %s: %w", p.name, err)
			}
			header.Set("Content-Type", "application/json")
		}
		w, err := form.CreatePart(header)
		if err != nil {
			return nil, "", fmt.Errorf("encode request: %s: %w", p.name, err)
		}
		_, _ = w.Write(value) // a bytes.Buffer takes all
		if isFile {
			all = append(all, textOf(bytes.Clone(text.Bytes()))[0], newSource(file.Content))
			text.Reset()
		}
	}
	_ = form.Close() // a bytes.Buffer takes all
	return append(all, textOf(text.Bytes())...), form.FormDataContentType(), nil
}

// quoted escapes a name within quotation marks as browsers do.
func quoted(name string) string {
	return strings.NewReplacer("\\", "\\\\", `"`, `\"`, "\r", "%0D", "\n", "%0A").Replace(name)
}

// repeatable reports whether the content can be read from its beginning.
func (c content) repeatable() bool {
	return !slices.ContainsFunc(c, func(s *source) bool { return s.seeker == nil && s.begun })
}

// size is the size in bytes; -1: it is not known.
func (c content) size() int64 {
	var size int64
	for _, s := range c {
		if s.size < 0 {
			return -1
		}
		size += s.size
	}
	return size
}

// open returns a reader of the content from its beginning.
func (c content) open() (io.Reader, error) {
	readers := make([]io.Reader, len(c))
	for i, s := range c {
		if s.seeker != nil {
			if _, err := s.seeker.Seek(s.start, io.SeekStart); err != nil {
				return nil, fmt.Errorf("read content: %w", err)
			}
		}
		readers[i] = s
	}
	return io.MultiReader(readers...), nil
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	s.begun = true
	return s.reader.Read(p)
}

// digest is the SHA-256 of the content, which it reads into memory if it can be read only once.
func (c *content) digest() ([sha256.Size]byte, error) {
	r, err := c.open()
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	if once := slices.ContainsFunc(*c, func(s *source) bool { return s.seeker == nil }); once {
		text, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
		if err == nil && len(text) > maxAnswer {
			err = fmt.Errorf("it is larger than %d bytes, and no io.Seeker", maxAnswer)
		}
		if err != nil {
			return [sha256.Size]byte{}, fmt.Errorf("read content: %w", err)
		}
		*c = textOf(text)
		return sha256.Sum256(text), nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("read content: %w", err)
	}
	return [sha256.Size]byte(sum.Sum(nil)), nil
}

// sending is the body of one attempt. After Close nothing reads the content.
type sending struct {
	progress func() // is called after each read

	mu     sync.Mutex // guards reader
	reader io.Reader  // nil: closed
}

// Read implements io.Reader.
func (s *sending) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reader == nil {
		return 0, io.ErrClosedPipe
	}
	defer s.progress()
	return s.reader.Read(p)
}

// Close implements io.Closer.
func (s *sending) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reader = nil
	return nil
}

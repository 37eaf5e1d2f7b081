// Package framing finds HTTP/1 requests that two servers may delimit differently. net/http accepts some of them and
// drops the header fields that show it, so that the bytes are inspected before net/http reads them.
package framing

import (
	"bytes"
	"strconv"
)

// maxLine is the maximum length of a line that arrives in parts, in bytes. It exceeds the maximum size of a head that
// the server reads.
const maxLine = 64 << 10

// maxChunkHex is the maximum number of digits of a chunk's size, which fits an int64.
const maxChunkHex = 15

// state is what the next byte is part of.
type state uint8

const (
	atRequest state = iota // request line, or empty lines before it
	inHead
	inBody         // of left bytes
	atChunk        // line with a chunk's size
	inChunk        // left bytes of data
	atChunkEnd     // the line end after the data
	inTrailer      // lines after the last chunk
	afterRejection // nothing after a rejected request is delimited
)

// Refusal is the reason for rejecting a request of a connection.
type Refusal struct {
	Request int64  // number of the request on the connection, from 1
	Reason  string // for the caller
}

// scanner follows the bytes of one connection from request to request. The zero value is at the start of a
// connection. Not safe for concurrent use.
type scanner struct {
	state   state
	request int64 // number of the current request
	left    int64 // remaining bytes of a body or chunk
	line    []byte

	old      bool // the current head is HTTP/1.0
	length   int64
	lengths  int
	encoding int
}

// scan reads the next bytes of the connection. It returns the Refusal of the first rejected request, once.
func (s *scanner) scan(p []byte) *Refusal {
	for len(p) > 0 {
		switch s.state {
		case afterRejection:
			return nil
		case inBody, inChunk:
			p = s.skip(p)
			continue
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			return s.keep(p)
		}
		line := p[:end]
		if len(s.line) > 0 {
			s.line = append(s.line, line...)
			line = s.line
		}
		p = p[end+1:]
		reason := s.takeLine(line)
		s.line = s.line[:0]
		if reason != "" {
			return s.refuse(reason)
		}
	}
	return nil
}

// skip skips bytes of a body.
func (s *scanner) skip(p []byte) []byte {
	n := min(int64(len(p)), s.left)
	if s.left -= n; s.left == 0 {
		if s.state == inChunk {
			s.state = atChunkEnd
		} else {
			s.state = atRequest
		}
	}
	return p[n:]
}

// keep stores the start of an incomplete line.
func (s *scanner) keep(p []byte) *Refusal {
	if len(s.line)+len(p) > maxLine {
		return s.refuse("a line of the request is too long")
	}
	s.line = append(s.line, p...)
	return nil
}

// refuse ends the scan. Within a body it rejects the next request, which cannot be distinguished from the body; the
// server itself rejects the body.
func (s *scanner) refuse(reason string) *Refusal {
	r := &Refusal{Request: max(s.request, 1), Reason: reason}
	if s.state != atRequest && s.state != inHead {
		r.Request++
	}
	s.state, s.line = afterRejection, nil
	return r
}

// takeLine reads one line without its LF. reason is "" when the line is accepted.
func (s *scanner) takeLine(line []byte) (reason string) {
	n := len(line)
	if n == 0 || line[n-1] != '\r' {
		if s.state == atRequest && n == 0 {
			return "" // a stray line end before a request
		}
		if s.state == atRequest {
			s.request++
		}
		return "a line of the request ends without a CR (RFC 9112, section 2.2)"
	}
	line = line[:n-1]
	switch s.state {
	case atRequest:
		return s.requestLine(line)
	case inHead:
		return s.headLine(line)
	case atChunk:
		return s.chunkLine(line)
	case atChunkEnd:
		s.state = atChunk
		if len(line) > 0 {
			return "a chunk is longer than its size"
		}
	case inTrailer:
		if len(line) == 0 {
			s.state = atRequest
		}
	}
	return ""
}

func (s *scanner) requestLine(line []byte) string {
	if len(bytes.Trim(line, "\r")) == 0 {
		return "" // RFC 9112, section 2.2: empty lines before a request are ignored
	}
	s.state = inHead
	s.request++
	if bytes.HasPrefix(line, []byte("PRI ")) { // net/http passes it to the handler, for h2c
		return "HTTP/2 is not offered"
	}
	s.old = bytes.HasSuffix(line, []byte(" HTTP/1.0"))
	s.length, s.lengths, s.encoding = 0, 0, 0
	return ""
}

// headLine reads one field line, or the empty line at the end of the head.
func (s *scanner) headLine(line []byte) string {
	if len(line) == 0 {
		return s.endHead()
	}
	switch line[0] {
	case ' ', '\t':
		return "a header field is continued on the next line (RFC 9112, section 5.2)"
	case 'C', 'c':
		if value, ok := field(line, "content-length"); ok {
			return s.contentLength(value)
		}
	case 'T', 't':
		if value, ok := field(line, "transfer-encoding"); ok {
			s.encoding++
			if s.encoding > 1 || !bytes.EqualFold(value, []byte("chunked")) {
				// The server rejects other codings itself, with 501, but not other spellings of chunked.
				return "Transfer-Encoding must be one field with the value chunked"
			}
		}
	}
	return ""
}

// field returns the value of a field line with that name.
func field(line []byte, name string) (value []byte, ok bool) {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 || !bytes.EqualFold(bytes.TrimSpace(line[:colon]), []byte(name)) {
		return nil, false
	}
	return bytes.Trim(line[colon+1:], " \t"), true
}

func (s *scanner) contentLength(value []byte) string {
	if s.lengths++; s.lengths > 1 {
		return "Content-Length is there twice"
	}
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil {
		return "Content-Length is not a number of bytes"
	}
	s.length = int64(n)
	return ""
}

// endHead determines how the body is delimited (RFC 9112, section 6.3).
func (s *scanner) endHead() string {
	switch {
	case s.encoding > 0 && s.lengths > 0:
		return "Content-Length and Transfer-Encoding exclude each other (RFC 9112, section 6.1)"
	case s.encoding > 0 && s.old:
		return "a request of version 1.0 has no Transfer-Encoding (RFC 9112, section 6.1)"
	case s.encoding > 0:
		s.state = atChunk
	case s.length > 0:
		s.state, s.left = inBody, s.length
	default:
		s.state = atRequest
	}
	return ""
}

// chunkLine reads the size of a chunk (RFC 9112, section 7.1). The server reports an invalid one to the reader of the
// body.
func (s *scanner) chunkLine(line []byte) string {
	size, _, _ := bytes.Cut(line, []byte(";"))
	size = bytes.TrimRight(size, " \t")
	if len(size) > maxChunkHex {
		return "the size of a chunk cannot be read"
	}
	n, err := strconv.ParseUint(string(size), 16, 63)
	switch {
	case err != nil:
		return "the size of a chunk cannot be read"
	case n == 0:
		s.state = inTrailer
	default:
		s.state, s.left = inChunk, int64(n)
	}
	return ""
}

package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/fault"
	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/strictjson"
)

// firstRead is the maximum size in bytes of the first buffer for a body, whatever its Content-Length announces.
const firstRead = 64 << 10

// bodyCopies is the number of copies of a body in memory at once: as read, in the record of the run, and in the
// command that stores it.
const bodyCopies = 3

// LimitBody limits how much of a body can be read. After the request it releases the memory of the body, and deletes the
// files of a request that became no run. It does not read the body.
func LimitBody(c *gin.Context) {
	x := StateOf(c)
	defer func() {
		x.frame.Memory.Free(x.reserved)
		x.deleteFiles(c.Request.Context())
	}()
	if c.Request.Body != nil && c.Request.Body != http.NoBody {
		x.rawBody = c.Request.Body
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, x.frame.MaxBody)
	}
	c.Next()
}

// ReadBody returns the body as sent. It may be called more than once. Errors: *http.MaxBytesError, before reading
// when the announced length is too large; a Fault when the body is incomplete or malformed.
func ReadBody(c *gin.Context) ([]byte, error) {
	x := StateOf(c)
	if !x.bodyRead {
		x.bodyRead = true
		x.body, x.bodyErr = readOnce(c.Request, x)
	}
	return x.body, x.bodyErr
}

// reserveBody reserves memory for n further bytes of a body.
func reserveBody(x *State, n int) error {
	if !x.frame.Memory.Admit(bodyCopies * int64(n)) {
		return fault.ErrNoMemory
	}
	x.reserved += bodyCopies * int64(n)
	return nil
}

func readOnce(r *http.Request, x *State) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > x.frame.MaxBody {
		return nil, &http.MaxBytesError{Limit: x.frame.MaxBody}
	}
	text, _, err := readUpTo(requestBody{r}, x, r.ContentLength, math.MaxInt64)
	return text, err
}

// requestBody reads the body of a request, with the errors that bodyError returns.
type requestBody struct{ r *http.Request }

// Read implements io.Reader.
func (b requestBody) Read(p []byte) (int, error) {
	n, err := b.r.Body.Read(p)
	if err != nil && err != io.EOF {
		err = bodyError(b.r, err)
	}
	return n, err
}

// readUpTo reads until the end of a body, or until more than limit bytes are there. Their memory is reserved. announced is
// the Content-Length; negative: unknown.
func readUpTo(body io.Reader, x *State, announced, limit int64) (text []byte, ended bool, err error) {
	size := int64(512)
	if announced >= 0 {
		size = min(announced+1, firstRead) // one more byte, to see the end without growing
	}
	if err := reserveBody(x, int(size)); err != nil {
		return nil, false, err
	}
	text = make([]byte, 0, size)
	for {
		n, err := body.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case err != nil && err != io.EOF: // not errors.Is: a body that was cut off wraps it
			return nil, false, err
		case int64(len(text)) > limit:
			return text, false, nil
		case err == io.EOF:
			return text, true, nil
		case len(text) == cap(text):
			text = append(text, 0)[:len(text)]
			if err := reserveBody(x, cap(text)-len(text)); err != nil {
				return nil, false, err
			}
		}
	}
}

// HasBody reports whether the request has a body of at least one byte. It may consume that byte, so that ReadBody
// must not follow.
func HasBody(r *http.Request) (bool, error) {
	if r.ContentLength >= 0 || r.Body == nil {
		return r.ContentLength > 0, nil
	}
	var first [1]byte
	_, err := io.ReadFull(r.Body, first[:])
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, bodyError(r, err)
	}
	return true, nil
}

// bodyError returns the error for a body that cannot be read: the fault of the caller (RFC 9110, section 15.5.1), a
// lost connection, a limit of this server, or an internal error. net/http has no types for errors of chunks.
func bodyError(r *http.Request, err error) error {
	var (
		large  *http.MaxBytesError
		broken net.Error
	)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Fault{Status: http.StatusBadRequest, Code: "cut_short", Message: "the body ended before its announced length", Close: true}
	case errors.As(err, &large), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, http.ErrBodyReadAfterClose):
		return fmt.Errorf("read body: %w", err)
	case errors.As(err, &broken), errors.Is(err, net.ErrClosed):
		return fmt.Errorf("read body: %w: %w", context.Canceled, err) // the caller has disconnected
	case slices.Contains(r.TransferEncoding, "chunked"):
		return &Fault{Status: http.StatusBadRequest, Code: "bad_chunks", Message: "the chunks of the body cannot be read (RFC 9112, section 7.1)", Close: true}
	}
	return fmt.Errorf("read body: %w", err)
}

// CheckEncoding rejects a compressed or otherwise encoded body, because neither its content nor its signature can
// be checked.
func CheckEncoding(h http.Header) error {
	for _, value := range h.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(value, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return Unsupported("Content-Encoding must be identity")
			}
		}
	}
	return nil
}

// CheckType rejects a request that does not declare its body as JSON in UTF-8.
func CheckType(h http.Header) error {
	all := h.Values("Content-Type")
	if len(all) != 1 {
		return Unsupported("one Content-Type is expected: application/json")
	}
	if all[0] == "application/json" {
		return nil
	}
	media, params, err := mime.ParseMediaType(all[0])
	if err != nil {
		return Unsupported("the Content-Type cannot be read; application/json is expected")
	}
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return Unsupported("the Content-Type must be application/json or end in +json")
	}
	if charset, named := params["charset"]; named && !strings.EqualFold(charset, "utf-8") {
		return Unsupported("the charset must be utf-8")
	}
	return nil
}

// ReadEvent returns the unchanged body after checking that it is valid JSON; nil when there is none.
func ReadEvent(c *gin.Context) ([]byte, error) {
	if err := CheckEncoding(c.Request.Header); err != nil {
		return nil, err
	}
	body, err := ReadBody(c)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	if err := CheckType(c.Request.Header); err != nil {
		return nil, err
	}
	return body, strictjson.Check(body, MaxDepth)
}

// MaxDepth is the maximum nesting depth of an event.
const MaxDepth = flows.MaxEventDepth

package payload

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Bounds of content codings.
const (
	maxCodings = 2       // codings of one body
	zstdWindow = 8 << 20 // bytes; more is not allowed over HTTP (RFC 9659)
)

var (
	// ErrTooLarge says that a body is larger than allowed without its codings.
	ErrTooLarge = errors.New("the body is too large without its Content-Encoding")
	// ErrCoding says that a body is not in its Content-Encoding.
	ErrCoding = errors.New("the body is not in its Content-Encoding")
)

// CodingError says that a content coding is unknown.
type CodingError struct{ Coding string }

func (e *CodingError) Error() string {
	return fmt.Sprintf("the Content-Encoding is %.40q; gzip, deflate, br and zstd are read, at most %d of them", e.Coding, maxCodings)
}

// Codings returns the content codings of a message, without identity, in the order in which they were applied (RFC 9110,
// section 8.4). The error is a *CodingError.
func Codings(h http.Header) ([]string, error) {
	var codings []string
	for _, line := range h["Content-Encoding"] {
		for coding := range strings.SplitSeq(line, ",") {
			switch coding = strings.ToLower(strings.TrimSpace(coding)); coding {
			case "", "identity":
				continue
			case "gzip", "x-gzip", "deflate", "br", "zstd":
			default:
				return nil, &CodingError{coding}
			}
			if codings = append(codings, coding); len(codings) > maxCodings {
				return nil, &CodingError{line}
			}
		}
	}
	return codings, nil
}

// Window returns how many bytes the decoders of codings need at most for a body, besides its content.
func Window(codings []string, body []byte) int64 {
	window := int64(0)
	for i, coding := range codings {
		switch {
		case coding == "zstd":
			window += zstdWindow + 1<<20
		case coding == "br" && i == len(codings)-1 && len(body) > 0:
			window += 1<<brotliBits(body[0]) + 256<<10
		case coding == "br":
			window += 16<<20 + 256<<10
		default:
			window += 64 << 10
		}
	}
	return window
}

// brotliBits returns the binary logarithm of the window that the first byte of a brotli stream says (RFC 7932, section 9.1).
func brotliBits(first byte) int {
	switch middle, high := first>>1&7, first>>4&7; {
	case first&1 == 0:
		return 16
	case middle != 0:
		return 17 + int(middle)
	case high > 1:
		return 8 + int(high)
	}
	return 17
}

// Unpack returns a reader of a body without its codings, which fails with ErrTooLarge when any of them gives more than limit
// bytes, and with an error that wraps ErrCoding for a broken one. close releases what it holds.
func Unpack(codings []string, body []byte, limit int64) (unpacked io.Reader, closeAll func(), err error) {
	unpacked = bytes.NewReader(body)
	var closers []func()
	closeAll = func() {
		for _, c := range closers {
			c()
		}
	}
	for i := len(codings) - 1; i >= 0; i-- {
		decoder, closer, err := newDecoder(codings[i], unpacked)
		if err != nil {
			closeAll()
			return nil, nil, codingError(codings[i], err)
		}
		closers = append(closers, closer)
		unpacked = &boundedReader{r: decoder, left: limit, coding: codings[i]}
	}
	return unpacked, closeAll, nil
}

func newDecoder(coding string, r io.Reader) (decoder io.Reader, closer func(), err error) {
	closer = func() {}
	switch coding {
	case "br":
		return brotli.NewReader(r), closer, nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case "deflate":
		buffered := bufio.NewReader(r)
		if head, _ := buffered.Peek(2); len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			decoder, err = zlib.NewReader(buffered)
			return decoder, closer, err
		}
		return flate.NewReader(buffered), closer, nil // without the frame of zlib, as some senders do
	}
	decoder, err = gzip.NewReader(r)
	return decoder, closer, err
}

// boundedReader limits what one decoder gives.
type boundedReader struct {
	r      io.Reader
	left   int64
	coding string
}

// Read implements io.Reader.
func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	if err != nil && err != io.EOF {
		err = codingError(b.coding, err)
	}
	return n, err
}

// codingError wraps an error of a decoder once. An inner ErrTooLarge stays what it is.
func codingError(coding string, err error) error {
	if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrCoding) {
		return err
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return fmt.Errorf("%w %s: its window is larger than %d MiB (RFC 9659)", ErrCoding, coding, zstdWindow>>20)
	}
	return fmt.Errorf("%w %s: %w", ErrCoding, coding, err)
}

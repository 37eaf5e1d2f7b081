package content

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// Charset returns the decoder for a charset; nil for UTF-8.
func Charset(name string) (encoding.Encoding, error) {
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return nil, nil
	case "iso-8859-1", "latin1", "windows-1252", "cp1252":
		return charmap.Windows1252, nil // WHATWG: text labelled Latin-1 is decoded as its superset
	case "iso-8859-15", "latin9":
		return charmap.ISO8859_15, nil
	case "utf-16", "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), nil
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM), nil
	}
	return nil, fmt.Errorf("the response is in the charset %q, which is not understood; use parse: bytes", name)
}

// DecodeText converts a text to UTF-8.
func DecodeText(text []byte, name string) ([]byte, error) {
	coding, err := Charset(name)
	if err != nil {
		return nil, err
	}
	if coding != nil {
		if text, err = coding.NewDecoder().Bytes(text); err != nil {
			return nil, fmt.Errorf("decode charset %q: %w", name, err)
		}
	}
	if !utf8.Valid(text) {
		return nil, errors.New("the response is not text in UTF-8; use parse: bytes")
	}
	return TrimBOM(text), nil
}

// charsetReader decodes the charset of an XML declaration.
func charsetReader(name string, r io.Reader) (io.Reader, error) {
	coding, err := Charset(name)
	if err != nil || coding == nil {
		return r, err
	}
	return coding.NewDecoder().Reader(r), nil
}

package payload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"github.com/penstock/penstock/internal/budget"
)

// ErrNotUTF8 says that a text is neither UTF-8 nor labelled as something else.
var ErrNotUTF8 = errors.New("it is not text in UTF-8")

// CharsetError says that a charset is unknown.
type CharsetError struct{ Label string }

func (e *CharsetError) Error() string {
	return fmt.Sprintf("the charset %.40q is none of the WHATWG Encoding standard", e.Label)
}

// Charset returns the decoder for a label of the WHATWG Encoding standard, which knows about 220 of them; nil for UTF-8
// and for no label. The error is a *CharsetError.
func Charset(label string) (encoding.Encoding, error) {
	if label == "" {
		return nil, nil
	}
	if strings.EqualFold(label, "latin9") { // in use, though the standard does not have it
		label = "iso-8859-15"
	}
	coding, err := htmlindex.Get(label)
	if err != nil {
		return nil, &CharsetError{label}
	}
	switch coding {
	case unicode.UTF8:
		return nil, nil
	case encoding.Replacement: // charsets that browsers do not read, because text in them can hide markup
		return nil, &CharsetError{label}
	}
	return coding, nil
}

// DecodeText converts a text to UTF-8. A byte order mark takes precedence over the label (WHATWG Encoding, decode); it
// is removed. Errors: a *CharsetError, ErrNotUTF8, or that of charger.
func DecodeText(charger *budget.Charger, text []byte, label string) ([]byte, error) {
	coding, err := Charset(label)
	if err != nil {
		return nil, err
	}
	if marked, size := mark(text); size > 0 {
		coding, text = marked, text[size:]
	}
	if coding != nil {
		if text, err = decodeAll(charger, coding, text); err != nil {
			return nil, err
		}
	}
	if !utf8.Valid(text) {
		return nil, ErrNotUTF8
	}
	return text, nil
}

// DecodeLegacyText is DecodeText, but a text without a label that is not UTF-8 is read as windows-1252, as browsers do.
func DecodeLegacyText(charger *budget.Charger, text []byte, label string) ([]byte, error) {
	decoded, err := DecodeText(charger, text, label)
	if errors.Is(err, ErrNotUTF8) && label == "" {
		return decodeAll(charger, charmap.Windows1252, text)
	}
	return decoded, err
}

// mark returns the charset that the byte order mark of a text names, nil for UTF-8, and the size of the mark; 0 without
// one.
func mark(text []byte) (coding encoding.Encoding, size int) {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return nil, 3
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 2
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 2
	}
	return nil, 0
}

// decodeAll converts a text. One byte becomes three bytes at most, in a buffer that doubles.
func decodeAll(charger *budget.Charger, coding encoding.Encoding, text []byte) ([]byte, error) {
	held := charger.Part()
	defer held.Drop()
	if err := held.Charge(6 * int64(len(text))); err != nil {
		return nil, err
	}
	decoded, err := coding.NewDecoder().Bytes(text)
	if err != nil {
		return nil, fmt.Errorf("decode charset: %w", err)
	}
	return decoded, charger.Charge(int64(len(decoded)))
}

// EncodeText converts a text in UTF-8 to the charset of a label. UTF-16 has no byte order mark. Errors: a *CharsetError,
// an *UnencodableError, or that of charger.
func EncodeText(charger *budget.Charger, text []byte, label string) ([]byte, error) {
	coding, err := Charset(label)
	if err != nil || coding == nil {
		return text, err
	}
	if err := charger.Charge(2 * int64(len(text))); err != nil {
		return nil, err
	}
	encoder := coding.NewEncoder()
	encoded, err := encoder.Bytes(text)
	if err == nil {
		return encoded, nil
	}
	for _, r := range string(text) {
		if _, err := encoder.String(string(r)); err != nil {
			return nil, &UnencodableError{r, label}
		}
	}
	return nil, fmt.Errorf("encode charset: %w", err)
}

// UnencodableError says that a charset has no code for a character.
type UnencodableError struct {
	Rune  rune
	Label string
}

func (e *UnencodableError) Error() string {
	return fmt.Sprintf("the charset %s has no code for the character %q (%U)", e.Label, e.Rune, e.Rune)
}

// TrimBOM removes a UTF-8 byte order mark.
func TrimBOM(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) }

// charsetReader decodes the charset of an XML declaration.
func charsetReader(name string, r io.Reader) (io.Reader, error) {
	coding, err := Charset(name)
	if err != nil || coding == nil {
		return r, err
	}
	return coding.NewDecoder().Reader(r), nil
}

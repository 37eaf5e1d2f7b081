package flows

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

func (d *decoder) text() (string, error) {
	d.at++
	start := d.at
	for d.at < len(d.src) {
		switch c := d.src[d.at]; {
		case c == '"':
			d.at++
			return d.src[start : d.at-1], nil
		case c == '\\':
			return d.escaped(start)
		case c < ' ':
			return "", d.malformed()
		}
		d.at++
	}
	return "", d.malformed()
}

// escaped decodes the rest of a string from its first escape.
func (d *decoder) escaped(start int) (string, error) {
	b := []byte(d.src[start:d.at])
	for d.at < len(d.src) {
		c := d.src[d.at]
		switch {
		case c == '"':
			d.at++
			return string(b), nil
		case c < ' ':
			return "", d.malformed()
		case c != '\\':
			b = append(b, c)
			d.at++
			continue
		}
		r, err := d.escape()
		if err != nil {
			return "", err
		}
		b = utf8.AppendRune(b, r)
	}
	return "", d.malformed()
}

// escape decodes one escape, or one surrogate pair.
func (d *decoder) escape() (rune, error) {
	if d.at+1 >= len(d.src) {
		d.at = len(d.src)
		return 0, d.malformed()
	}
	const names, meanings = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if i := strings.IndexByte(names, d.src[d.at+1]); i >= 0 {
		d.at += 2
		return rune(meanings[i]), nil
	}
	r, ok := d.unit()
	if !ok {
		return 0, d.malformed()
	}
	if !utf16.IsSurrogate(r) {
		d.at += 6
		return r, nil
	}
	d.at += 6
	low, ok := d.unit()
	if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
		d.at += 6
		return pair, nil
	}
	return 0, fmt.Errorf("the JSON has half of a surrogate pair before byte %d", d.at)
}

// unit decodes the \uXXXX at the current position.
func (d *decoder) unit() (rune, bool) {
	if d.at+6 > len(d.src) || d.src[d.at:d.at+2] != `\u` {
		return 0, false
	}
	var r rune
	for _, c := range []byte(d.src[d.at+2 : d.at+6]) {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

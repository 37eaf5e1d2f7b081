// Package jsonvalue decodes JSON to values with exact numbers, and encodes such values canonically.
package jsonvalue

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
	"github.com/penstock/penstock/internal/strictjson"
)

// Decode decodes one JSON value. Numbers are json.Number, exactly as written. It is stricter than encoding/json:
// trailing data, duplicate members, invalid UTF-8, unpaired surrogates, nesting beyond 512 and numbers of more than
// 1,000 characters are errors. The value shares no memory with src. Its memory is charged to charger; nil: to none.
// Decode returns the errors of the charger unchanged, and fails when the charger's context ends.
func Decode(charger *budget.Charger, src []byte) (any, error) {
	if !utf8.Valid(src) {
		return nil, errors.New("the JSON is not valid UTF-8")
	}
	if err := charger.Charge(int64(len(src))); err != nil {
		return nil, err
	}
	d := decoder{src: bulk.Text(src), charger: charger} // strings without escapes share its memory
	v, err := d.value(0)
	if err == nil {
		err = d.flushCharge()
	}
	if err != nil {
		return nil, err
	}
	if d.space(); d.at < len(d.src) {
		return nil, fmt.Errorf("the JSON goes on after its value, at byte %d", d.at)
	}
	return v, nil
}

// decoder decodes JSON (RFC 8259) from a string.
type decoder struct {
	src       string
	at        int
	charger   *budget.Charger
	uncharged int64 // bytes not yet charged
}

// charge counts n bytes. Small amounts are charged together.
func (d *decoder) charge(n int64) error {
	if d.uncharged += n; d.uncharged < 1<<10 {
		return nil
	}
	return d.flushCharge()
}

func (d *decoder) flushCharge() error {
	n := d.uncharged
	d.uncharged = 0
	return d.charger.Charge(n)
}

func (d *decoder) malformed() error {
	if d.at >= len(d.src) {
		return errors.New("the JSON ends too early")
	}
	return fmt.Errorf("the JSON is malformed at byte %d", d.at)
}

func (d *decoder) space() {
	for d.at < len(d.src) {
		switch d.src[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next skips white space and returns the next byte, 0 at the end.
func (d *decoder) next() byte {
	if d.space(); d.at < len(d.src) {
		return d.src[d.at]
	}
	return 0
}

func (d *decoder) value(depth int) (any, error) {
	switch c := d.next(); {
	case c == '{' || c == '[':
		if depth == strictjson.MaxDepth {
			return nil, fmt.Errorf("the JSON is nested deeper than %d", strictjson.MaxDepth)
		}
		d.at++
		if c == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case c == '"':
		return d.text()
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	case c == 't':
		return true, d.word("true")
	case c == 'f':
		return false, d.word("false")
	case c == 'n':
		return nil, d.word("null")
	}
	return nil, d.malformed()
}

func (d *decoder) word(word string) error {
	if !strings.HasPrefix(d.src[d.at:], word) {
		return d.malformed()
	}
	d.at += len(word)
	return nil
}

func (d *decoder) object(depth int) (any, error) {
	object := map[string]any{}
	if err := d.charge(budget.Object); err != nil {
		return nil, err
	}
	if d.next() == '}' {
		d.at++
		return object, nil
	}
	for {
		if d.next() != '"' {
			return nil, d.malformed()
		}
		name, err := d.text()
		if err != nil {
			return nil, err
		}
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("the JSON has the member %q twice in one object", shorten(name))
		}
		if d.next() != ':' {
			return nil, d.malformed()
		}
		d.at++
		if object[name], err = d.value(depth); err != nil {
			return nil, err
		}
		if err := d.charge(budget.MemberOf(len(object))); err != nil {
			return nil, err
		}
		if more, err := d.more('}'); !more {
			return object, err
		}
	}
}

func (d *decoder) array(depth int) (any, error) {
	array := []any{}
	if d.next() == ']' {
		d.at++
		return array, nil
	}
	for {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		array = append(bulk.Grow(array), v)
		if err := d.charge(budget.Cell + budget.Text); err != nil {
			return nil, err
		}
		if more, err := d.more(']'); !more {
			return array, err
		}
	}
}

// more skips a comma (true) or the end of a collection (false).
func (d *decoder) more(end byte) (bool, error) {
	switch d.next() {
	case ',':
		d.at++
		return true, nil
	case end:
		d.at++
		return false, nil
	}
	return false, d.malformed()
}

func (d *decoder) number() (any, error) {
	start := d.at
	if d.src[d.at] == '-' {
		d.at++
	}
	if d.at < len(d.src) && d.src[d.at] == '0' {
		d.at++
	} else if !d.digits() {
		return nil, d.malformed()
	}
	if d.at < len(d.src) && d.src[d.at] == '.' {
		if d.at++; !d.digits() {
			return nil, d.malformed()
		}
	}
	if d.at < len(d.src) && (d.src[d.at] == 'e' || d.src[d.at] == 'E') {
		if d.at++; d.at < len(d.src) && (d.src[d.at] == '+' || d.src[d.at] == '-') {
			d.at++
		}
		if !d.digits() {
			return nil, d.malformed()
		}
	}
	if n := d.at - start; n > strictjson.MaxDigits {
		return nil, fmt.Errorf("the JSON has a number of %d characters, %d are allowed", n, strictjson.MaxDigits)
	}
	return json.Number(d.src[start:d.at]), nil
}

// digits skips at least one digit.
func (d *decoder) digits() bool {
	start := d.at
	for d.at < len(d.src) && d.src[d.at] >= '0' && d.src[d.at] <= '9' {
		d.at++
	}
	return d.at > start
}

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

// shorten truncates the name of a member for a message.
func shorten(name string) string {
	const most = 60 // characters
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return name
}

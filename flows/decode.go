package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
)

// Bounds of a value from outside and of one that leaves.
const (
	maxDepth  = 512  // of nesting; callers may ask for less
	maxDigits = 1000 // characters of one number
)

// DecodeJSON reads one JSON value with exact numbers: every number is the
// json.Number that was written. It is strict where encoding/json is not:
// trailing data, a member twice in one object, invalid UTF-8, half of a
// surrogate pair, nesting beyond 512 and numbers of more than 1,000
// characters are errors. The value shares no memory with src.
func DecodeJSON(src []byte) (any, error) { return DecodeJSONOn(nil, src) }

// DecodeJSONOn is DecodeJSON that charges for the values while it makes them.
// It ends with the tab.
func DecodeJSONOn(tab *budget.Tab, src []byte) (any, error) {
	if !utf8.Valid(src) {
		return nil, errors.New("the JSON is not valid UTF-8")
	}
	if err := tab.Charge(int64(len(src))); err != nil {
		return nil, memoryError(err)
	}
	d := decoder{src: bulk.Text(src), tab: tab} // strings without escapes are parts of it
	v, err := d.value(0)
	if err == nil {
		err = d.flushCharge()
	}
	if err != nil {
		return nil, memoryError(err)
	}
	if d.space(); d.at < len(d.src) {
		return nil, fmt.Errorf("the JSON goes on after its value, at byte %d", d.at)
	}
	return v, nil
}

// decoder reads JSON (RFC 8259) from a text.
type decoder struct {
	src       string
	at        int
	tab       *budget.Tab
	uncharged int64 // bytes that are not on the tab yet
}

// charge counts what was made. Small amounts are put on the tab together.
func (d *decoder) charge(n int64) error {
	if d.uncharged += n; d.uncharged < 1<<10 {
		return nil
	}
	return d.flushCharge()
}

func (d *decoder) flushCharge() error {
	n := d.uncharged
	d.uncharged = 0
	return d.tab.Charge(n)
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

// next is the first byte behind white space, 0 at the end.
func (d *decoder) next() byte {
	if d.space(); d.at < len(d.src) {
		return d.src[d.at]
	}
	return 0
}

func (d *decoder) value(depth int) (any, error) {
	switch c := d.next(); {
	case c == '{' || c == '[':
		if depth == maxDepth {
			return nil, fmt.Errorf("the JSON is nested deeper than %d", maxDepth)
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
			return nil, fmt.Errorf("the JSON has the member %q twice in one object", shorten(name, 60))
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
		array = append(bulk.Room(array), v)
		if err := d.charge(budget.Cell + budget.Text); err != nil {
			return nil, err
		}
		if more, err := d.more(']'); !more {
			return array, err
		}
	}
}

// more steps over a comma, or over the end of a collection.
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
	if n := d.at - start; n > maxDigits {
		return nil, fmt.Errorf("the JSON has a number of %d characters, %d are allowed", n, maxDigits)
	}
	return json.Number(d.src[start:d.at]), nil
}

// digits steps over at least one digit.
func (d *decoder) digits() bool {
	start := d.at
	for d.at < len(d.src) && d.src[d.at] >= '0' && d.src[d.at] <= '9' {
		d.at++
	}
	return d.at > start
}

package flows

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
	"github.com/penstock/penstock/internal/strictjson"
)

// DecodeJSON decodes one JSON value. Numbers are json.Number, exactly as written. It is stricter than encoding/json:
// trailing data, duplicate members, invalid UTF-8, unpaired surrogates, nesting beyond 512 and numbers of more than
// 1,000 characters are errors. The value shares no memory with src.
func DecodeJSON(src []byte) (any, error) { return DecodeJSONOn(nil, src) }

// DecodeJSONOn decodes like DecodeJSON and charges its memory to charger. It fails when the charger's context ends.
func DecodeJSONOn(charger *budget.Charger, src []byte) (any, error) {
	if !utf8.Valid(src) {
		return nil, errors.New("the JSON is not valid UTF-8")
	}
	if err := charger.Charge(int64(len(src))); err != nil {
		return nil, memoryError(err)
	}
	d := decoder{src: bulk.Text(src), charger: charger} // strings without escapes share its memory
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

package payload

import (
	"bytes"
	"strings"

	"golang.org/x/text/encoding"

	"github.com/penstock/penstock/internal/budget"
)

// fieldCost is the cost of a field of a form in bytes, besides twice its length.
const fieldCost = 256

// FormFields returns an upper bound of the number of fields of a form.
func FormFields(text []byte) int { return 1 + bytes.Count(text, []byte("&")) }

// ParseForm decodes a form as browsers write it (WHATWG URL, application/x-www-form-urlencoded parsing): a ";" and a "%"
// without two hexadecimal digits are text, and bytes that are not in the charset become U+FFFD. label is the charset of
// the content type; empty: UTF-8.
//
// A name that occurs once has a text, one that occurs several times or ends in "[]" a list. With nested, names with
// brackets are read as PHP reads them, see nest.
func ParseForm(charger *budget.Charger, text []byte, label string, nested bool) (map[string]any, error) {
	coding, err := Charset(label)
	if err != nil {
		return nil, err
	}
	if err := charger.Charge(fieldCost*int64(FormFields(text)) + 2*int64(len(text))); err != nil {
		return nil, err
	}
	object, tree := map[string]any{}, newNode()
	for field := range bytes.SplitSeq(text, []byte("&")) {
		if len(field) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(field, []byte("="))
		key, content := unescapeField(name, coding), unescapeField(value, coding)
		if nested {
			if err := tree.put(charger, key, content); err != nil {
				return nil, err
			}
			continue
		}
		AddField(object, key, content)
	}
	if nested {
		return tree.object(), nil
	}
	return object, nil
}

// AddField adds a field of a form to an object; one whose name ends in "[]" is always a list.
func AddField(object map[string]any, name string, value any) {
	if _, known := object[name]; !known && strings.HasSuffix(name, "[]") {
		value = []any{value}
	}
	AddMember(object, name, value)
}

// unescapeField decodes a name or value. The bytes that escapes stand for are in the charset, too.
func unescapeField(text []byte, coding encoding.Encoding) string {
	raw := make([]byte, 0, len(text))
	for at := 0; at < len(text); at++ {
		switch c := text[at]; {
		case c == '+':
			raw = append(raw, ' ')
		case c == '%' && at+2 < len(text) && hexDigit(text[at+1]) >= 0 && hexDigit(text[at+2]) >= 0:
			raw = append(raw, byte(hexDigit(text[at+1])<<4|hexDigit(text[at+2])))
			at += 2
		default:
			raw = append(raw, c)
		}
	}
	if coding != nil {
		if decoded, err := coding.NewDecoder().Bytes(raw); err == nil {
			raw = decoded
		}
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}

// hexDigit returns the value of a hexadecimal digit; -1 for another character.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
